/** How the rules that Services add to a chain that all of them share are put in order. */
import type { Chain, Rule } from '../iptables/types.ts';
import { ListsInOrder } from './lists-in-order.ts';

/** By `namespace/name`: the rules that Services had in a chain, and those that they have now. */
export type ChangedRules = ReadonlyMap<
  string,
  { readonly former: readonly Rule[]; readonly rules: readonly Rule[] }
>;

/** Chains that are no more what they were, and what there is instead; the same chain in both is none that has changed. */
export interface ReplacedChains {
  readonly before: readonly Chain[];
  readonly after: readonly Chain[];
}

/** Follows the Services that change. What it comes to depends on nothing but the rules that there are. */
export interface RuleOrder {
  /** Those in the chain itself, with the node's. */
  readonly rules: readonly Rule[];
  /** The chains that they lead into, beside those of the Services. */
  chains(): readonly Chain[];
  /** Takes the rules of some Services for others, and tells what that changes in {@link chains}. */
  replace(services: ChangedRules): ReplacedChains;
}

/** The rules that the node itself has in a shared chain. */
export interface OwnRules {
  readonly before: readonly Rule[];
  readonly after: readonly Rule[];
}

/** Before and after what Services are called. */
const [FIRST, LAST] = ['', '\uffff'];

/** One Service's rules after another's, in the order of the Services' names, and the node's around them. */
export class OneAfterAnother implements RuleOrder {
  readonly #rules = new ListsInOrder<Rule>();

  constructor({ before, after }: OwnRules) {
    // In one list with the others, which is long, and would be copied to be put between them.
    this.#rules.replace(
      new Map([
        [FIRST, before],
        [LAST, after],
      ]),
    );
  }

  get rules(): readonly Rule[] {
    return this.#rules.items;
  }

  chains(): readonly Chain[] {
    return [];
  }

  replace(services: ChangedRules): ReplacedChains {
    this.#rules.replace(new Map([...services].map(([key, { rules }]) => [key, rules])));
    return { before: [], after: [] };
  }
}
