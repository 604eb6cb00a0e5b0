/** The table of doctor's checks, in the order in which they are told. */
import type { Check } from './check.ts';
import { agentHealth } from './checks/agent-health.ts';
import { bridgeNetfilter, hairpin } from './checks/bridges.ts';
import { clock } from './checks/clock.ts';
import { clusterCIDR } from './checks/cluster-cidr.ts';
import { conntrackDrops, conntrackInsertFailed, conntrackStrict } from './checks/conntrack-stats.ts';
import { conntrackTable } from './checks/conntrack-table.ts';
import { drift } from './checks/drift.ts';
import { silentEndpoints } from './checks/endpoints.ts';
import { hints } from './checks/hints.ts';
import { ipForward } from './checks/ip-forward.ts';
import { ipv6 } from './checks/ipv6.ts';
import { jumpMissing } from './checks/jumps.ts';
import { kubeletBackend, localhostOpen, routeLocalnet } from './checks/localhost.ts';
import { marks } from './checks/marks.ts';
import { mtu } from './checks/mtu.ts';
import { foreignDrop, forwardPolicy, ruleBeforeJump } from './checks/obstacles.ts';
import { otherBackend } from './checks/other-backend.ts';
import { otherProxies } from './checks/other-proxies.ts';
import { healthCheckPort, nodePortInLocalRange, nodePortTaken } from './checks/ports.ts';
import { readableRules } from './checks/readable-rules.ts';
import { acceptLocal, reversePath } from './checks/reverse-path.ts';
import { podRoutes } from './checks/routes.ts';
import { serviceRules } from './checks/service-rules.ts';
import { udpFlows } from './checks/udp-flows.ts';
import { writers } from './checks/writers.ts';

export const CHECKS: readonly Check[] = [
  // The rules, and who writes them.
  readableRules,
  serviceRules,
  jumpMissing,
  drift,
  otherBackend,
  kubeletBackend,
  otherProxies,
  writers,
  agentHealth,
  // Rules of others.
  ruleBeforeJump,
  foreignDrop,
  forwardPolicy,
  marks,
  // The kernel.
  ipForward,
  bridgeNetfilter,
  hairpin,
  reversePath,
  acceptLocal,
  routeLocalnet,
  localhostOpen,
  // Connection tracking.
  conntrackTable,
  conntrackDrops,
  conntrackInsertFailed,
  conntrackStrict,
  udpFlows,
  // Ports.
  nodePortTaken,
  nodePortInLocalRange,
  healthCheckPort,
  // The network.
  podRoutes,
  mtu,
  ipv6,
  silentEndpoints,
  // The cluster, as this node sees it.
  hints,
  clusterCIDR,
  clock,
];
