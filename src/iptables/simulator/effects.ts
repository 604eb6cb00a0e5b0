/** From the targets of rules to what becomes of a packet. */
import { type Family, parseAddress } from '../../net/address.ts';
import { isTarget, type Option, partsOf } from '../parts.ts';
import { DEFAULT_REJECT } from '../saved.ts';
import type { Rule, Target } from '../types.ts';
import { type Address, readAddress } from './packet.ts';

export type Verdict = 'ACCEPT' | 'DROP' | 'REJECT';

/** Where a packet is sent to, or comes from, by NAT. What is not given stays. */
export interface Translation {
  readonly address: Address | undefined;
  readonly port: number | undefined;
}

export type Effect =
  /** The packet goes on as it is: rules that count, or write to the log. */
  | { readonly effect: 'none' }
  | { readonly effect: 'verdict'; readonly verdict: Verdict; readonly rejectWith?: string }
  | { readonly effect: 'return' }
  | { readonly effect: 'jump' | 'goto'; readonly chain: string }
  | { readonly effect: 'mark'; readonly value: number; readonly mask: number }
  | { readonly effect: 'notrack' }
  | { readonly effect: 'dnat' | 'snat'; readonly to: Translation }
  | { readonly effect: 'masquerade' }
  /** What we do not know. */
  | { readonly effect: 'unknown' };

const NONE: Effect = { effect: 'none' };
const UNKNOWN: Effect = { effect: 'unknown' };

/** What a rule does with packets that fit. */
export function effectOf({ matches, target }: Rule, family: Family): Effect {
  // Where not even the words are in order, the target may be among them.
  const legible = matches.every((match) => match.match !== 'unknown' || isMatch(match.words));
  if (!legible) return UNKNOWN;
  return target ? targetEffect(target, family) : NONE;
}

function isMatch(words: readonly string[]): boolean {
  const parts = partsOf(words);
  return parts !== undefined && !parts.some(isTarget);
}

function targetEffect(target: Target, family: Family): Effect {
  switch (target.target) {
    case 'jump':
      return { effect: 'jump', chain: target.chain };
    case 'ACCEPT':
    case 'DROP':
      return { effect: 'verdict', verdict: target.target };
    case 'REJECT':
      return { effect: 'verdict', verdict: 'REJECT', rejectWith: DEFAULT_REJECT[family] };
    case 'RETURN':
      return { effect: 'return' };
    case 'MARK':
      return { effect: 'mark', value: target.value, mask: target.mask };
    case 'MASQUERADE':
      return { effect: 'masquerade' };
    case 'DNAT':
      return translation('dnat', target.to, family);
    case 'unknown':
      return foreignEffect(target.words, family) ?? UNKNOWN;
  }
}

/** Targets after which a packet goes on, and meets nothing that could tell that it has been there. */
const HARMLESS: ReadonlySet<string> = new Set(
  (
    'AUDIT CHECKSUM CLASSIFY CONNSECMARK DSCP ECN HL IDLETIMER LED LOG NFLOG RATEEST SECMARK SET TCPMSS ' +
    'TCPOPTSTRIP TEE TOS TRACE TTL ULOG'
  ).split(' '),
);

/** Another program's target; undefined where we do not know what it does. */
function foreignEffect(words: readonly string[], family: Family): Effect | undefined {
  const [part] = partsOf(words) ?? [];
  const [name = ''] = part?.head.values ?? [];
  if (!part || !isTarget(part)) return undefined;
  if (part.head.name === '-g') return part.options.length === 0 ? { effect: 'goto', chain: name } : undefined;
  if (HARMLESS.has(name)) return NONE;
  const options = new Map(part.options.map((option) => [option.name, option]));
  const only = (...names: string[]) => [...options.keys()].every((option) => names.includes(option));
  const value = (option: string) => valueOfOption(options.get(option));
  switch (name) {
    case 'REJECT': {
      const rejectWith = value('--reject-with');
      return only('--reject-with') && rejectWith !== undefined
        ? { effect: 'verdict', verdict: 'REJECT', rejectWith }
        : undefined;
    }
    case 'DNAT':
      return only('--to-destination', '--random', '--persistent')
        ? translation('dnat', value('--to-destination'), family)
        : undefined;
    case 'SNAT':
      return only('--to-source', '--random', '--random-fully', '--persistent')
        ? translation('snat', value('--to-source'), family)
        : undefined;
    case 'MASQUERADE':
      return only('--to-ports', '--random', '--random-fully') ? { effect: 'masquerade' } : undefined;
    case 'NOTRACK':
      return { effect: 'notrack' };
    case 'CT':
      return options.has('--notrack') && only('--notrack') ? { effect: 'notrack' } : undefined;
    default:
      return undefined;
  }
}

function valueOfOption(option: Option | undefined): string | undefined {
  return option?.negated ? undefined : option?.values[0];
}

/** `address`, `address:port` or `:port`, an IPv6 address in brackets. Ranges are left to chance, so they are unknown. */
function translation(effect: 'dnat' | 'snat', text = '', family: Family): Effect {
  const withPort = family === 'ipv4' ? /^([\d.]*):(\d+)$/ : /^(?:\[([^\]]+)\])?:(\d+)$/;
  const [, given = '', digits] = withPort.exec(text) ?? [undefined, text];
  const port = digits === undefined ? undefined : Number(digits);
  if (given === '' && port !== undefined) return { effect, to: { address: undefined, port } };
  const address = parseAddress(given);
  if (address === undefined || address.includes(':') !== (family === 'ipv6')) return UNKNOWN;
  return { effect, to: { address: readAddress(address, family), port } };
}
