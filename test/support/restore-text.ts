/** Text for iptables-restore, taken apart as far as tests look into it. */

/** The rules of each chain in order, without their `-A CHAIN `, by `table CHAIN`. A chain without rules has none. */
export type Chains = ReadonlyMap<string, readonly string[]>;

export function chainsOf(text: string): Chains {
  const chains = new Map<string, string[]>();
  let table = '';
  for (const line of text.split('\n')) {
    const [word = '', chain = ''] = line.split(' ');
    if (word.startsWith('*')) table = word.slice(1);
    else if (word.startsWith(':')) chains.set(`${table} ${word.slice(1)}`, []);
    else if (word === '-A') {
      const rules = chains.get(`${table} ${chain}`);
      if (!rules) throw new Error(`a rule of a chain that is not declared: ${line}`);
      rules.push(line.slice(`-A ${chain} `.length));
    }
  }
  return chains;
}

/** The comment of a rule, '' where it has none. */
export function commentOf(rule: string): string {
  const [, quoted, plain] = /--comment (?:"([^"]*)"|(\S+))/.exec(rule) ?? [];
  return quoted ?? plain ?? '';
}

/** The chain or target that a rule jumps to, '' where it only counts. */
export function targetOf(rule: string): string {
  return / -j (\S+)/.exec(` ${rule}`)?.[1] ?? '';
}
