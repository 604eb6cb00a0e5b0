/** How the program is called: by its own name, or by kubectl, as a plugin of it. */

export type CalledAs = 'svc2ipt' | 'kubectl svc2ipt';

let called: CalledAs = 'svc2ipt';

/** For the whole life of the process. */
export function callAs(name: CalledAs): void {
  called = name;
}

/** Whoever calls kubectl means a cluster, where nothing else is named. */
export function isKubectlPlugin(): boolean {
  return called === 'kubectl svc2ipt';
}

export function calledName(): CalledAs {
  return called;
}
