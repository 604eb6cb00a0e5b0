/** The program by which a packet is known whose source is its destination: a pod that reaches itself (xt_bpf). */
import type { Family } from '../net/address.ts';

/** By family. It compares the words of a packet's addresses in its IP header, one after the other. */
export const SOURCE_IS_DESTINATION = {
  ipv4: comparingWords([[12, 16]]),
  ipv6: comparingWords([
    [8, 24],
    [12, 28],
    [16, 32],
    [20, 36],
  ]),
} as const satisfies Record<Family, string>;

/** Whether it is the program by which a packet is known whose source is its destination, of either family. */
export function isHairpinProgram(bytecode: string): boolean {
  return Object.values(SOURCE_IS_DESTINATION).some((program) => program === bytecode);
}

/** A program of the classic BPF: `ld [a]; tax; ld [b]; jne x, fail` for each pair, `ret 65535; fail: ret 0`. */
function comparingWords(pairs: readonly (readonly [number, number])[]): string {
  const instructions = pairs.flatMap(([a, b], i) => {
    const toFailure = 4 * (pairs.length - 1 - i) + 1;
    return [`32 0 0 ${a}`, '7 0 0 0', `32 0 0 ${b}`, `29 0 ${toFailure} 0`];
  });
  return [instructions.length + 2, ...instructions, '6 0 0 65535', '6 0 0 0'].join(',');
}
