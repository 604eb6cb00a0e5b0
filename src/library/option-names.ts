/** What is wrong, in the words of whoever calls the library: options of commands have other names there. */
import { InputError, type Problem } from '../api/problem.ts';
import { ManifestError } from '../sources/cluster.ts';

/** Flags whose options are not called alike. */
const NAMES: Readonly<Record<string, string>> = {
  '--node-name': 'node.name',
  '--node-ip': 'node.ips',
  '--pod-cidr': 'node.podCIDRs',
  '--interface-address': 'node.interfaceAddresses',
  '--service': 'services',
  '--service-cluster-ip-range': 'serviceRanges',
};

/** `--in-interface` is `inInterface` here. */
export function inOptionNames(text: string): string {
  return text.replace(/(?<![\w-])--[a-z]+(?:-[a-z]+)*/g, (flag) => {
    const [, first = '', ...words] = flag.replace('--', '-').split('-');
    const capital = words.map((word) => word.charAt(0).toUpperCase() + word.slice(1));
    return NAMES[flag] ?? [first, ...capital].join('');
  });
}

/** Does something, and has what is wrong told by the names of the library's options. */
export function withOptionNames<Result>(work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    const problems = error.problems.map(renamed);
    throw error instanceof ManifestError
      ? new ManifestError(problems, error.typos)
      : new InputError(problems);
  }
}

function renamed({ at, message, ...problem }: Problem): Problem {
  return { ...problem, at: at.map(inOptionNames), message: inOptionNames(message) };
}
