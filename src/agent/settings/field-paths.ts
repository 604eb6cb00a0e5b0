/** Fields of a document by their paths, such as `iptables.masqueradeBit`. */

/** The value at a path; undefined where there is none. */
export function valueAt(document: unknown, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>(
      (value, name) => (typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined),
      document,
    );
}

/** The document that has these values at these paths, none of which leads through another. */
export function documentOf(fields: readonly (readonly [path: string, value: unknown])[]): object {
  const byName = Object.groupBy(fields, ([path]) => path.split('.')[0] ?? '');
  return Object.fromEntries(
    Object.entries(byName).map(([name, group = []]) => {
      const own = group.find(([path]) => path === name);
      return [
        name,
        own ? own[1] : documentOf(group.map(([path, value]) => [path.slice(name.length + 1), value])),
      ];
    }),
  );
}
