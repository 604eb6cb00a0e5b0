/** What the page asks, and what it is told. All of it is plain data: it comes from another thread. */
import type { LayoutName } from '../api/layout-names.ts';
import type { PageData } from '../graph/arrangement/page-types.ts';
import type { Family, TableName } from '../iptables/types.ts';
import type { Severity } from '../lint/severity.ts';
import type { Asked } from '../trace/question.ts';
import type { Trace } from '../trace/trace.ts';
import type { PossibleTexts } from './completions.ts';
import type { RulePart } from './rule-parts.ts';
import type { PlaygroundInput } from './state.ts';

/** What can be asked, and with what. */
export interface Inquiries {
  /** What is wrong or will surprise, and what there is to choose from. */
  readonly look: { readonly input: PlaygroundInput };
  readonly meaning: { readonly input: PlaygroundInput };
  readonly rules: { readonly input: PlaygroundInput; readonly service: string };
  readonly picture: { readonly input: PlaygroundInput; readonly service: string };
  readonly packet: { readonly input: PlaygroundInput; readonly from: string; readonly to: string };
  readonly compare: { readonly input: PlaygroundInput; readonly before: string };
  readonly layouts: { readonly input: PlaygroundInput; readonly service: string };
  readonly complete: {
    readonly text: string;
    readonly offset: number;
    readonly of: 'manifests' | 'configuration';
  };
}

export type InquiryKind = keyof Inquiries;

/** What each of them comes to. */
export interface InquiryAnswers {
  readonly look: Look;
  readonly meaning: Meaning;
  readonly rules: ShownRules;
  readonly picture: ShownPicture;
  readonly packet: SentPacket;
  readonly compare: Compared;
  readonly layouts: ComparedLayouts;
  readonly complete: PossibleTexts;
}

/** An answer, or what stands in its way. */
export type Answered<Kind extends InquiryKind = InquiryKind> =
  | { readonly ok: true; readonly answer: InquiryAnswers[Kind] }
  | { readonly ok: false; readonly problems: readonly string[] };

/** A finding, and where it stands in the text that somebody edits. */
export interface PlacedFinding {
  readonly of: 'manifests' | 'configuration';
  readonly severity: Severity;
  readonly code: string;
  /** `Service shop/web, spec.ports[0]`; '' where it is about no single thing. */
  readonly subject: string;
  readonly cause: string;
  readonly remedy: string;
  /** From 1; undefined where it is about the whole text. */
  readonly line: number | undefined;
  readonly column: number | undefined;
}

export interface Look {
  readonly findings: readonly PlacedFinding[];
  /** Whether rules can be made. */
  readonly works: boolean;
  /** The names of nodes that the text speaks of. */
  readonly nodes: readonly string[];
  /** The one that rules are made for. */
  readonly node: string;
  /** `namespace/name` of those that rules are made for. */
  readonly services: readonly string[];
  /** The families that any Service has addresses of. */
  readonly families: readonly Family[];
  readonly layout: LayoutName;
  /** Who may send packets, and where to. */
  readonly senders: readonly Choice[];
  readonly targets: readonly Choice[];
}

/** A place for packets: as `svc2ipt trace` takes it, and in words. */
export interface Choice {
  readonly place: string;
  readonly words: string;
}

export interface Meaning {
  readonly services: readonly ServiceMeaning[];
  /** How many Services there are beside those that are told of. */
  readonly more: number;
}

export interface ServiceMeaning {
  readonly name: string;
  readonly type: string;
  readonly summary: string;
  readonly ports: readonly PortMeaning[];
}

export interface PortMeaning {
  /** As rules print it. */
  readonly servicePort: string;
  readonly protocol: string;
  readonly ways: readonly WayMeaning[];
  /** Names of the sets of endpoints that have shares. */
  readonly sets: readonly string[];
  readonly endpoints: readonly EndpointMeaning[];
  readonly notes: readonly string[];
}

export interface WayMeaning {
  /** `node port 30080` */
  readonly to: string;
  readonly from: string;
  /** `2 endpoints (cluster)` */
  readonly goesTo: string;
  readonly source: string;
  readonly verdict: 'endpoints' | 'REJECT' | 'DROP' | 'through';
  /** A packet that goes so. */
  readonly packet: { readonly from: string; readonly to: string };
}

export interface EndpointMeaning {
  /** `address:port`; undefined for a Pod that is none. */
  readonly endpoint: string | undefined;
  readonly pod: string | undefined;
  readonly node: string | undefined;
  readonly local: boolean;
  /** By set, 0 to 1; undefined where the set has it not. */
  readonly shares: readonly (number | undefined)[];
  readonly note: string | undefined;
}

export interface ShownRules {
  readonly tables: readonly ShownTable[];
  /** For iptables-restore, without the jumps from built-in chains. */
  readonly text: string;
  readonly count: number;
}

export interface ShownTable {
  readonly table: TableName;
  readonly chains: readonly ShownChain[];
}

export interface ShownChain {
  readonly chain: string;
  readonly words: string;
  readonly rules: readonly (readonly RulePart[])[];
}

export interface ShownPicture {
  readonly data: PageData;
}

export interface SentPacket {
  readonly asked: Asked;
  readonly trace: Trace;
  /** Where it goes, the same way through the chains, for the picture. */
  readonly data: PageData;
}

export interface Compared {
  readonly services: readonly { readonly name: string; readonly sentences: readonly string[] }[];
  /** How many classes of packets were looked at. */
  readonly classes: number;
  /** Lines of the rules' unified difference. */
  readonly difference: readonly string[];
}

export interface ComparedLayouts {
  readonly layouts: readonly ShownLayout[];
  /** How many rules a packet to each Service meets on average, by layout. */
  readonly ways: readonly {
    readonly to: string;
    readonly rules: readonly number[];
  }[];
}

export interface ShownLayout {
  readonly layout: LayoutName;
  readonly chains: number;
  readonly rules: number;
  readonly tables: readonly ShownTable[];
}
