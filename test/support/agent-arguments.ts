/** Arguments of the agent, as its command line would read them. */

/** Each is `--name=value`, or a switch. */
export function givenFlags(args: readonly string[]) {
  return Object.fromEntries(
    args.map((arg) => {
      const [, name = '', value] = /^--([^=]+)(?:=(.*))?$/.exec(arg) ?? [];
      const key = name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
      return [key, value === undefined ? (true as const) : [value]];
    }),
  );
}
