/** An address, or a port of one, that no Service has, and that rules refuse for this. */
import { addressesOfNode, type NodeFacts } from '../api/node.ts';
import { serviceOf, UNASSIGNED } from '../chains/comments.ts';
import { describeAddress, type ServiceAddress } from '../chains/service-addresses.ts';
import type { PreparedRuleset } from '../iptables/simulator/prepare.ts';
import { simulate } from '../iptables/simulator/simulate.ts';
import { type SpelledRule, spellPlaced } from '../iptables/spell.ts';
import { joinPort } from '../net/address.ts';
import { enumerate } from '../text/lists.ts';
import { printable } from '../text/printable.ts';
import { wrap } from '../text/wrap.ts';
import { nodeOf, ownAddress } from './origins.ts';
import { endOf } from './reasons.ts';

/** What is refused, as no Service has it. */
export interface Unassigned {
  readonly address: string;
  /** Undefined where no Service has the address, whatever the port. */
  readonly port: number | undefined;
  readonly protocol: string | undefined;
  /** What a Service has at that address. */
  readonly others: readonly ServiceAddress[];
  /** What the sender gets back, such as `icmp-port-unreachable`. */
  readonly rejectWith: string;
  readonly refusedBy: SpelledRule;
}

/** Where it does not matter which. */
const SOME_PORT = 80;

/**
 * Sends a packet to an address that no Service has, or to a port of one that it does not have.
 * @param addresses of all Services
 * @returns undefined where no rule of the setting `rejectUnassigned` refuses it
 */
export function explainUnassigned(
  { address, port, protocol }: Pick<Unassigned, 'address' | 'port' | 'protocol'>,
  addresses: readonly ServiceAddress[],
  ruleset: PreparedRuleset,
  node: NodeFacts,
): Unassigned | undefined {
  const others = addresses.filter((one) => one.address === address);
  // What a Service has at the address decides about packets of which nothing else is known.
  if (others.length > 0 && port === undefined) return undefined;
  const { family } = ruleset;
  const place = { family, addresses: addressesOfNode(node), podRange: undefined, podInterface: undefined };
  const packet = {
    source: ownAddress({ ...place, addresses: new Set() }),
    destination: address,
    protocol: protocol ?? 'tcp',
    destinationPort: port ?? SOME_PORT,
    arrives: true,
  };
  const fate = simulate(ruleset, packet, nodeOf(place, []), { record: true });
  const ended = fate.outcomes.find(({ verdict }) => verdict === 'REJECT');
  const steps = (fate.path ?? []).flatMap(({ steps }) => steps);
  const end = ended && endOf(steps, ended.verdict);
  const refusedBy = end && spellPlaced(end, family);
  if (ended?.rejectWith === undefined || refusedBy?.comment !== UNASSIGNED) return undefined;
  return { address, port, protocol, others, rejectWith: ended.rejectWith, refusedBy };
}

/** `10.96.0.99 is a cluster IP of no Service, so packets to it are refused (icmp-port-unreachable) ...` */
function sentenceOf({ address, port, protocol, others, rejectWith, refusedBy }: Unassigned): string {
  const place = port === undefined ? address : `${joinPort(address, port)}${protocol ? `/${protocol}` : ''}`;
  const [first] = others;
  const has = enumerate([...new Set(others.map((one) => `${one.port}/${one.protocol}`))]);
  const services = enumerate([...new Set(others.map(({ servicePort }) => serviceOf(servicePort)))]);
  const why = first
    ? `${place} is no port of ${services}, which has ${has} at its ${describeAddress(first).replace(/ \S+$/, '')}`
    : `${place} is a cluster IP of no Service`;
  const { chain, number, table } = refusedBy;
  return (
    `${why}: packets to it are refused (${rejectWith}) by rule ${number} of ${chain} in the ${table} table, ` +
    'as svc2ipt.rejectUnassigned asks for.'
  );
}

/** In lines of so many characters. */
export function formatUnassigned(unassigned: Unassigned, width: number): string {
  return `${wrap(printable(sentenceOf(unassigned)), width).join('\n')}\n`;
}

/** All that is known of it, and the sentence. */
export function formatUnassignedJSON(unassigned: Unassigned): string {
  return `${JSON.stringify({ unassigned: { summary: sentenceOf(unassigned), ...unassigned } }, undefined, 2)}\n`;
}
