/** Services that do not fit the workloads beside them: their selectors, and their target ports. */
import leven from 'leven';
import type { Pod } from '../api/pod.ts';
import type { Service } from '../api/service.ts';
import type { Workload } from '../api/workload.ts';
import { present } from '../errors/invariant.ts';
import { enumerate } from '../text/lists.ts';
import type { Context, PlannedEntry } from './context.ts';
import type { Found } from './finding.ts';
import { serviceReference } from './sentences.ts';

/** Finds nothing where EndpointSlices are given: then neither selector nor target port decides anything. */
export function checkWorkloads(planned: PlannedEntry, context: Context): Found[] {
  const { service } = planned.entry;
  if (!isDerived(planned, context)) return [];
  if (fitsNoWorkload(planned, context)) return [misfit(service, context.workloads)];
  const fitting = fittingOf(service, context);
  return [
    ...severalApplications(service, fitting),
    ...service.ports.flatMap(({ targetPort }, index) =>
      typeof targetPort === 'number'
        ? undeclaredNumber(service, index, targetPort, fitting)
        : hasUnknownName(planned, index, context)
          ? [unknownName(service, index, targetPort, fitting)]
          : missingName(service, index, targetPort, fitting),
    ),
  ];
}

/** Whether the endpoints of a Service can only come from what its selector fits. */
function isDerived({ key, entry: { service } }: PlannedEntry, { withGivenSlices }: Context): boolean {
  return (
    service.type !== 'ExternalName' && Object.keys(service.selector).length > 0 && !withGivenSlices.has(key)
  );
}

/** Whether there are workloads, but the selector fits neither one of them nor a Pod. */
export function fitsNoWorkload(planned: PlannedEntry, context: Context): boolean {
  const { service, endpointSlices } = planned.entry;
  return (
    isDerived(planned, context) &&
    context.workloads.length > 0 &&
    endpointSlices.length === 0 &&
    fittingOf(service, context).length === 0
  );
}

/** Whether the target port of a service port is a name that no container has of what the selector fits. */
export function hasUnknownName(planned: PlannedEntry, index: number, context: Context): boolean {
  const { service, endpointSlices } = planned.entry;
  const { name, targetPort, protocol } = present(service.ports[index], 'port of a finding');
  if (typeof targetPort !== 'string' || !isDerived(planned, context)) return false;
  const fitting = fittingOf(service, context);
  return (
    fitting.length > 0 &&
    !fitting.some(({ containerPorts }) =>
      containerPorts.some((port) => port.name === targetPort && port.protocol === protocol),
    ) &&
    // Endpoints have numbers of their own.
    !endpointSlices.some(({ ports }) => ports.some((port) => port.name === name))
  );
}

type Fitting = Pick<Pod | Workload, 'kind' | 'namespace' | 'name'> &
  Pick<Pod, 'containerPorts' | 'labels'> & { readonly owner?: Pod['owner']; readonly ips?: Pod['ips'] };

/** What a selector fits: workloads first, then Pods. */
function fittingOf(service: Service, { workloadsFor, podsFor }: Context): readonly Fitting[] {
  return [
    ...workloadsFor(service).map(({ template, kind, namespace, name }) => ({
      kind,
      namespace,
      name,
      containerPorts: template.containerPorts,
      labels: template.labels,
    })),
    ...podsFor(service),
  ];
}

/** Workloads that serve, and Pods that are of none of them; a Job is done before anybody asks it for anything. */
function serving(fitting: readonly Fitting[]): readonly Fitting[] {
  const names = new Set(fitting.map(({ kind, name }) => `${kind} ${name}`));
  return fitting.filter(
    ({ kind, owner, ips }) =>
      kind !== 'Job' &&
      kind !== 'CronJob' &&
      (ips === undefined || ips.length > 0) &&
      (!owner || !names.has(`${owner.kind} ${owner.name}`)),
  );
}

/** Where some have the name and others not: those get no traffic, and nobody tells. */
function missingName(service: Service, index: number, name: string, fitting: readonly Fitting[]): Found[] {
  const { protocol } = present(service.ports[index], 'port of a finding');
  const lacking = serving(fitting).filter(
    ({ containerPorts }) => !containerPorts.some((port) => port.name === name && port.protocol === protocol),
  );
  if (lacking.length === 0) return [];
  const have = lacking.length === 1 ? 'has' : 'have';
  const get = lacking.length === 1 ? 'gets' : 'get';
  return [
    {
      code: 'target-port-missing-in-pod',
      object: serviceReference(service),
      field: `spec.ports[${index}].targetPort`,
      cause: `${enumerate(lacking.map(referenceOf))} ${have} no container port named "${name}" for ${protocol}, so ${get} no traffic.`,
    },
  ];
}

/** Labels that name an application: the recommended one, and those from before it. */
const APPLICATION_LABELS = ['app.kubernetes.io/name', 'app', 'k8s-app'];

/** Two releases of one application have its name in common, as with a canary. */
function severalApplications(service: Service, fitting: readonly Fitting[]): Found[] {
  const label = APPLICATION_LABELS.find((label) =>
    fitting.some(({ labels }) => Object.hasOwn(labels, label)),
  );
  if (label === undefined) return [];
  const byName = Map.groupBy(serving(fitting), ({ labels }) => labels[label]);
  if (byName.size < 2) return [];
  const examples = [...byName].map(([name, [first]]) => {
    const one = referenceOf(present(first, 'one of an application'));
    return `${one} (${name === undefined ? `no label ${label}` : `${label} "${name}"`})`;
  });
  return [
    {
      code: 'selector-of-several-applications',
      object: serviceReference(service),
      field: 'spec.selector',
      cause: `Its selector matches ${enumerate(examples)}: each gets a share of the traffic.`,
    },
  ];
}

function misfit(service: Service, workloads: readonly Workload[]): Found {
  const { namespace } = service;
  const [nearest] = workloads
    .map((workload) => ({ workload, distance: distanceTo(service, workload) }))
    .sort((a, b) => a.distance - b.distance || (referenceOf(a.workload) < referenceOf(b.workload) ? -1 : 1));
  const { workload } = present(nearest, 'workload nearest to a selector');
  return {
    code: 'selector-without-workload',
    object: serviceReference(service),
    field: 'spec.selector',
    cause: `Its selector matches no workload of namespace ${namespace}; the nearest, ${referenceOf(workload)}, has ${differences(service, workload)}.`,
  };
}

/** How many letters must change for a selector to fit. */
function distanceTo({ namespace, selector }: Service, { template, ...workload }: Workload): number {
  const labels = Object.entries(template.labels).map(([key, value]) => `${key}=${value}`);
  return Object.entries(selector)
    .map(([key, value]) => `${key}=${value}`)
    .map((wanted) => Math.min(wanted.length, ...labels.map((label) => leven(wanted, label))))
    .reduce((sum, distance) => sum + distance, leven(namespace, workload.namespace));
}

/** `label app "web" and not "wbe", and no label tier` */
function differences({ selector }: Service, { template: { labels } }: Workload): string {
  const parts = Object.entries(selector).flatMap(([key, value]) => {
    const own = Object.hasOwn(labels, key) ? labels[key] : undefined;
    if (own === value) return [];
    return [own === undefined ? `no label ${key}` : `label ${key} "${own}" and not "${value}"`];
  });
  return parts.length === 0 ? 'these labels in another namespace' : parts.join(', and ');
}

function unknownName(service: Service, index: number, name: string, fitting: readonly Fitting[]): Found {
  const { protocol } = present(service.ports[index], 'port of a finding');
  const names = new Set(
    fitting.flatMap(({ containerPorts }) =>
      containerPorts.flatMap((port) => (port.name && port.protocol === protocol ? [port.name] : [])),
    ),
  );
  const [nearest] = [...names].sort((a, b) => leven(name, a) - leven(name, b) || (a < b ? -1 : 1));
  const there =
    nearest === undefined ? 'it names none for this protocol' : `the nearest name is "${nearest}"`;
  return {
    code: 'target-port-name-unknown',
    object: serviceReference(service),
    field: `spec.ports[${index}].targetPort`,
    cause: `No container of ${whose(fitting)} has a port named "${name}" for ${protocol}, so this port has no endpoint; ${there}.`,
  };
}

/** Where no container of a Pod declares any port, there is nothing that a number could be compared with. */
function undeclaredNumber(
  service: Service,
  index: number,
  number: number,
  fitting: readonly Fitting[],
): Found[] {
  const { protocol } = present(service.ports[index], 'port of a finding');
  const declared = fitting.flatMap(({ containerPorts }) => containerPorts);
  if (declared.length === 0 && !fitting.some(({ kind }) => kind !== 'Pod')) return [];
  if (fitting.length === 0 || declared.some((port) => port.port === number && port.protocol === protocol))
    return [];
  const numbers = [...new Set(declared.map(({ port, protocol }) => `${port}/${protocol}`))];
  const there = numbers.length === 0 ? 'nor any other' : `but ${enumerate(numbers)}`;
  return [
    {
      code: 'target-port-undeclared',
      object: serviceReference(service),
      field: `spec.ports[${index}].targetPort`,
      cause: `No container of ${whose(fitting)} declares port ${number}/${protocol}, ${there}: traffic goes there all the same.`,
    },
  ];
}

/** `Deployment shop/web`, `Deployment shop/web and 2 others` */
function whose([first, ...others]: readonly Fitting[]): string {
  const name = referenceOf(present(first, 'workload or Pod that a selector fits'));
  const more = others.filter(({ kind }) => kind !== 'Pod' || first?.kind === 'Pod').length;
  return more === 0 ? name : `${name} and ${more} ${more === 1 ? 'other' : 'others'}`;
}

function referenceOf({ kind, namespace, name }: Pick<Fitting, 'kind' | 'namespace' | 'name'>): string {
  return `${kind} ${namespace}/${name}`;
}
