/** xt_recent: lists of addresses that packets write themselves into and are looked up in. */
import { addressValue, type Family, formatAddress } from '../../net/address.ts';
import { FULL_MASK } from '../saved.ts';
import type { Flow, RecentEntry } from './flow.ts';
import type { SimulatedNode } from './packet.ts';

/** What a rule does with a list. */
export interface Recent {
  readonly operation: 'set' | 'rcheck' | 'update';
  readonly list: string;
  readonly side: 'source' | 'destination';
  /** Bits of the address that count; undefined for all of them. */
  readonly mask: bigint | undefined;
  /** How long ago the address may have been seen at the most; undefined for any time. */
  readonly seconds: number | undefined;
  /** It looks for more than we know of an entry: how often it was seen, or its TTL. */
  readonly more: boolean;
  readonly negated: boolean;
}

/** The bits of `--mask`; undefined for all of them. */
export function recentMask(mask: string, family: Family): bigint | undefined {
  return mask === FULL_MASK[family] ? undefined : addressValue(mask);
}

/** Whether a packet fits, as recent_mt in the kernel's xt_recent.c decides, and the packet as it then is. */
export function lookUp(
  recent: Recent,
  flow: Flow,
  node: SimulatedNode,
): { readonly fits: boolean | undefined; readonly flow: Flow } {
  const { operation, negated } = recent;
  const entry: RecentEntry = { list: recent.list, address: addressIn(recent, flow) };
  if (operation === 'set') return { fits: !negated, flow: remember(flow, entry) };
  const age = ageOf(entry, flow, node);
  if (age === undefined) return { fits: negated, flow };
  if (recent.more) return { fits: undefined, flow };
  const fits = (recent.seconds === undefined || age <= recent.seconds) !== negated;
  return { fits, flow: operation === 'update' && fits ? remember(flow, entry) : flow };
}

function addressIn({ side, mask }: Recent, { header }: Flow): string {
  const { text, value } = header[side];
  return mask === undefined ? text : formatAddress(text.includes(':') ? 'ipv6' : 'ipv4', value & mask);
}

/** Seconds since an address was seen last, undefined where it is not in the list. */
function ageOf(entry: RecentEntry, flow: Flow, node: SimulatedNode): number | undefined {
  return isIn(flow, entry) ? 0 : node.recent?.get(entry.list)?.get(entry.address);
}

function remember(flow: Flow, entry: RecentEntry): Flow {
  return isIn(flow, entry) ? flow : { ...flow, recent: [...flow.recent, entry] };
}

function isIn({ recent }: Flow, { list, address }: RecentEntry): boolean {
  return recent.some((other) => other.list === list && other.address === address);
}
