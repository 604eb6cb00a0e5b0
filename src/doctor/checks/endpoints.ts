/** Endpoints on this node. */
import { joinPort } from '../../net/address.ts';
import type { Check } from '../check.ts';
import { localEndpoints } from '../cluster.ts';
import { NotChecked } from '../not-checked.ts';

export const silentEndpoints: Check = {
  code: 'endpoint-silent',
  title: 'Endpoints on this node answer.',
  severity: 'error',
  remedy:
    'Look at the Pod: whether it listens on this port at its Pod address (not 127.0.0.1), and whether a NetworkPolicy lets the node in.',
  needs: 'cluster',
  find({ snapshot }, cluster) {
    const { probes } = snapshot;
    if (probes === undefined) throw new NotChecked('only with --probe, which connects to them');
    const asked = new Map(probes.map((probe) => [joinPort(probe.address, probe.port), probe]));
    return localEndpoints(cluster).flatMap(({ address, port, of }) => {
      const failure = asked.get(joinPort(address, port))?.failure;
      if (failure === undefined) return [];
      const cause = `Nobody answers at ${joinPort(address, port)}, an endpoint of ${of} on this node.`;
      return [{ cause, evidence: [`TCP connection to ${joinPort(address, port)}: ${failure}`] }];
    });
  },
};
