/** What rules count from one reading to the next. */
import type { Family } from '../iptables/types.ts';
import type { CountedRules, SavedRules } from './counted-rules.ts';

/** Rules that count the same thing, under a name that stays when the rules become others. */
export interface Meter {
  readonly name: string;
  readonly family: Family;
  /** By their index. */
  readonly rules: readonly number[];
}

/** What a meter has counted. */
export interface Count {
  /** All of it: what the counters held when they were read first, and what came since. */
  readonly total: number;
  /** Between the last two readings; 0 where there were not two. */
  readonly recent: number;
}

const NOTHING: Count = { total: 0, recent: 0 };

/** What a meter has counted so far. */
interface Sum {
  total: number;
  recent: number;
}

const NONE: ReadonlySet<string> = new Set();

/** What one rule has counted, and when that was read. */
interface Known {
  readonly rules: SavedRules;
  readonly packets: Float64Array;
  /** The number of the reading in which each rule was looked at last; 0 for never. */
  readonly readIn: Uint32Array;
}

/** What came of each rule. */
interface Growth {
  /** Between the last two readings. */
  readonly recent: Float64Array;
  /** Since it was looked at last. */
  readonly total: Float64Array;
  /** All that its counter holds. */
  readonly counted: Float64Array;
  /** Rules whose counters are lower than before. */
  readonly reset: number;
}

/**
 * Sums up what rules count. Counters begin anew where somebody loads the rules again or writes a chain anew: one that is
 * lower than before has counted from 0, and nothing is ever subtracted. A rule that was not there before has counted all
 * that it has since.
 */
export class Tally {
  readonly #known = new Map<Family, Known>();
  readonly #growth = new Map<Family, Growth>();
  #sums = new Map<string, Sum>();
  /** The meters of the last reading, each with its sum. */
  #meters: readonly Meter[] = [];
  #metered: readonly { readonly meter: Meter; readonly sum: Sum }[] = [];
  /** Whether what the counters hold at first is a part of all. */
  readonly #fromFirst: boolean;
  #reading = 0;

  /** @param beginning what all is counted from: what the counters hold already, or the first reading */
  constructor(beginning: 'counters' | 'first reading' = 'counters') {
    this.#fromFirst = beginning === 'counters';
  }

  /** How many readings there were. */
  get readings(): number {
    return this.#reading;
  }

  /** Of how many rules the counters have begun anew between the last two readings. */
  get reset(): number {
    return [...this.#growth.values()].reduce((sum, { reset }) => sum + reset, 0);
  }

  /**
   * Takes in a reading.
   * @param meters by which counts are asked for; one that is not there any more is forgotten
   */
  take(reading: readonly CountedRules[], meters: readonly Meter[]): void {
    this.#reading++;
    this.#growth.clear();
    for (const counted of reading) this.#grow(counted);
    for (const sum of this.#sums.values()) sum.recent = 0;
    const begun = meters === this.#meters ? NONE : this.#follow(meters);
    for (const { meter, sum } of this.#metered) {
      const growth = this.#growth.get(meter.family);
      const isBegun = begun.has(meter.name);
      for (const rule of meter.rules) {
        sum.total += (isBegun ? growth?.counted : growth?.total)?.[rule] ?? 0;
        sum.recent += growth?.recent[rule] ?? 0;
      }
    }
  }

  /** What a meter has counted. */
  count(name: string): Count {
    return this.#sums.get(name) ?? NOTHING;
  }

  /** @returns the names of those that begin with what their rules' counters hold already */
  #follow(meters: readonly Meter[]): ReadonlySet<string> {
    const former = this.#sums;
    this.#sums = new Map();
    this.#meters = meters;
    this.#metered = meters.map((meter) => {
      const sum = this.#sums.get(meter.name) ?? former.get(meter.name) ?? { total: 0, recent: 0 };
      this.#sums.set(meter.name, sum);
      return { meter, sum };
    });
    return this.#fromFirst ? new Set([...this.#sums.keys()].filter((name) => !former.has(name))) : NONE;
  }

  #grow({ rules, packets }: CountedRules): void {
    const before = this.#known.get(rules.family);
    const known: Known =
      before?.rules === rules
        ? before
        : { rules, packets: new Float64Array(rules.count), readIn: new Uint32Array(rules.count) };
    const places = before && before !== known ? placesIn(before.rules, rules) : undefined;
    const recent = new Float64Array(rules.count);
    const total = new Float64Array(rules.count);
    let reset = 0;
    for (let i = 0; i < rules.count; i++) {
      const now = packets[i] ?? Number.NaN;
      const place = places ? (places[i] ?? -1) : i;
      const was = before && place >= 0 ? (before.packets[place] ?? 0) : 0;
      const readIn = before && place >= 0 ? (before.readIn[place] ?? 0) : 0;
      if (Number.isNaN(now)) {
        known.packets[i] = was;
        known.readIn[i] = readIn;
        continue;
      }
      // A rule that is new has counted from 0, where all rules were looked at before.
      const isNew = readIn === 0 && before !== undefined && places !== undefined && place < 0;
      const grown = now < was ? now : now - was;
      if (now < was) reset++;
      if (isNew) [total[i], recent[i]] = [now, now];
      else if (readIn > 0) {
        total[i] = grown;
        // What came in a longer time than between the last two readings is no rate.
        if (readIn === this.#reading - 1) recent[i] = grown;
      } else if (this.#fromFirst) total[i] = now;
      known.packets[i] = now;
      known.readIn[i] = this.#reading;
    }
    this.#known.set(rules.family, known);
    this.#growth.set(rules.family, { recent, total, counted: known.packets, reset });
  }
}

/** Where each rule was among others: the same text in the same table, one after the other where there are several. */
function placesIn(before: SavedRules, now: SavedRules): Int32Array {
  const places = new Map<string, number[]>();
  for (let i = before.count - 1; i >= 0; i--) {
    const key = `${before.tables[i]}${before.texts[i]}`;
    const same = places.get(key);
    if (same) same.push(i);
    else places.set(key, [i]);
  }
  return Int32Array.from(
    { length: now.count },
    (_, i) => places.get(`${now.tables[i]}${now.texts[i]}`)?.pop() ?? -1,
  );
}
