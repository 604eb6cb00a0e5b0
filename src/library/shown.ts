/** What is shown of a cluster: a namespace, or the Services whose labels fit. */
import { type LabelSelector, parseLabelSelector } from '../api/label-selector.ts';
import { InputError, show } from '../api/problem.ts';
import { labelsOfServices } from '../sources/service-labels.ts';
import { meantBy, nearest } from '../text/nearest.ts';
import type { CompilerInput } from './compiler-input.ts';

/** What narrows what is shown. */
export interface Narrowing {
  /** Only this namespace, which names without one are in. */
  readonly namespace?: string | undefined;
  /** All namespaces, whatever {@link namespace} says. */
  readonly allNamespaces?: true | undefined;
  /** Only Services whose labels match, such as `app=web,tier!=cache`. */
  readonly selector?: string | undefined;
}

export interface Shown {
  /** Whether a Service is shown, by `namespace/name`. */
  service(name: string): boolean;
  /** Whether an object of another kind is shown: selectors choose Services. */
  other(namespace: string | undefined): boolean;
}

/** Whether options leave anything out of what is shown. */
export function isNarrowed({ namespace, allNamespaces, selector }: Narrowing): boolean {
  return (namespace !== undefined && allNamespaces === undefined) || selector !== undefined;
}

/** The namespace that options ask for; undefined for all. */
export function namespaceOf({ namespace, allNamespaces }: Narrowing): string | undefined {
  return allNamespaces === undefined ? namespace : undefined;
}

/**
 * What is shown by the options, of some input.
 * @param input undefined where only rules are known, which have no labels
 * @throws InputError where a selector is none, or there is nothing that has labels
 */
export function shownOf(options: Narrowing, inputs: readonly Pick<CompilerInput, 'sources'>[]): Shown {
  const namespace = namespaceOf(options);
  const inNamespace = (name: string | undefined) => namespace === undefined || name === namespace;
  const selects = selectorOf(options.selector);
  if (selects !== undefined && inputs.length === 0) {
    const message = 'rules have no labels: name manifests with -f, or a cluster';
    throw new InputError([{ at: ['--selector'], message }]);
  }
  const labels = new Map(
    selects === undefined ? [] : inputs.flatMap(({ sources }) => [...labelsOfServices(sources)]),
  );
  return {
    service: (name) =>
      inNamespace(name.slice(0, name.indexOf('/'))) &&
      (selects === undefined || selects(labels.get(name) ?? {})),
    other: (name) => selects === undefined && inNamespace(name),
  };
}

/**
 * The Services of some input that are shown, in its order.
 * @throws InputError where there is none, though there are others
 */
export function shownServices(input: CompilerInput, options: Narrowing): string[] {
  const all = [...input.cluster.services.keys()];
  const shown = shownOf(options, [input]);
  const found = all.filter(shown.service);
  if (found.length === 0) throw nothingShown(options, all);
  return found;
}

function nothingShown(options: Narrowing, services: readonly string[]): InputError {
  const namespace = namespaceOf(options);
  const namespaces = [...new Set(services.map((name) => name.slice(0, name.indexOf('/'))))];
  if (namespace !== undefined && !namespaces.includes(namespace)) {
    const hint = meantBy(nearest(namespace, namespaces));
    return new InputError([
      { at: ['--namespace'], message: `no Service in namespace ${show(namespace)}${hint}` },
    ]);
  }
  if (options.selector === undefined) return new InputError([{ at: [], message: 'no Service in the input' }]);
  const where = namespace === undefined ? '' : ` in namespace ${namespace}`;
  const message = `no Service${where} has labels that match ${show(options.selector)}`;
  return new InputError([{ at: ['--selector'], message }]);
}

function selectorOf(text: string | undefined): LabelSelector | undefined {
  if (text === undefined) return undefined;
  const selector = parseLabelSelector(text);
  if (selector !== undefined) return selector;
  const message = `expected a label selector, such as app=web,tier!=cache or app in (a,b), got ${show(text)}`;
  throw new InputError([{ at: ['--selector'], message }]);
}
