/** The resources of a test's cluster, and how Kubernetes' API tells of them. All groups are at `v1`. */

export interface Resource {
  /** Empty for the core group. */
  readonly group: string;
  readonly plural: string;
  readonly kind: string;
  readonly namespaced: boolean;
}

const resource = (group: string, plural: string, kind: string, namespaced = true): Resource => ({
  group,
  plural,
  kind,
  namespaced,
});

export const RESOURCES: readonly Resource[] = [
  resource('', 'configmaps', 'ConfigMap'),
  resource('', 'events', 'Event'),
  resource('', 'nodes', 'Node', false),
  resource('', 'pods', 'Pod'),
  resource('', 'secrets', 'Secret'),
  resource('', 'serviceaccounts', 'ServiceAccount'),
  resource('', 'services', 'Service'),
  resource('apps', 'daemonsets', 'DaemonSet'),
  resource('coordination.k8s.io', 'leases', 'Lease'),
  resource('discovery.k8s.io', 'endpointslices', 'EndpointSlice'),
  resource('events.k8s.io', 'events', 'Event'),
  resource('rbac.authorization.k8s.io', 'clusterroles', 'ClusterRole', false),
  resource('rbac.authorization.k8s.io', 'clusterrolebindings', 'ClusterRoleBinding', false),
  resource('rbac.authorization.k8s.io', 'roles', 'Role'),
  resource('rbac.authorization.k8s.io', 'rolebindings', 'RoleBinding'),
];

export const versionOf = ({ group }: Resource): string => (group === '' ? 'v1' : `${group}/v1`);

/** Of an object, by its `apiVersion` and `kind`. Throws where there is none. */
export function resourceOf({
  apiVersion,
  kind,
}: {
  readonly apiVersion: string;
  readonly kind: string;
}): Resource {
  const found = RESOURCES.find((one) => versionOf(one) === apiVersion && one.kind === kind);
  if (!found) throw new Error(`no resource of kind ${apiVersion} ${kind}`);
  return found;
}

const groups = (): string[] => [
  ...new Set(RESOURCES.map(({ group }) => group).filter((group) => group !== '')),
];

const VERBS = ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'];

/** What clients ask first: which groups, versions and resources there are. Undefined for any other path. */
export function discoveryDocument(path: string): object | undefined {
  if (path === '/version') return { major: '1', minor: '36', gitVersion: 'v1.36.2', platform: 'linux/amd64' };
  if (path === '/api') return { kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [] };
  if (path === '/apis') {
    const version = (group: string) => ({ groupVersion: `${group}/v1`, version: 'v1' });
    return {
      kind: 'APIGroupList',
      apiVersion: 'v1',
      groups: groups().map((name) => ({ name, versions: [version(name)], preferredVersion: version(name) })),
    };
  }
  if (path === '/openapi/v3') {
    const address = (at: string) => [at, { serverRelativeURL: `/openapi/v3/${at}` }];
    return {
      paths: Object.fromEntries([address('api/v1'), ...groups().map((group) => address(`apis/${group}/v1`))]),
    };
  }
  const [, openApi, group] = /^(\/openapi\/v3)?\/(?:api|apis\/([^/]+))\/v1$/.exec(path) ?? [];
  const found = RESOURCES.filter((one) => one.group === (group ?? ''));
  if (found.length === 0 || !/\/v1$/.test(path)) return undefined;
  return openApi === undefined ? resourceList(found) : openApiDocument(found);
}

function resourceList(resources: readonly Resource[]): object {
  return {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion: resources.map(versionOf)[0],
    resources: resources.map(({ plural, kind, namespaced }) => ({
      name: plural,
      singularName: kind.toLowerCase(),
      kind,
      namespaced,
      verbs: VERBS,
    })),
  };
}

/** No more than kubectl looks for: that the server itself validates what it is sent. */
function openApiDocument(resources: readonly Resource[]): object {
  const paths = resources.map(({ group, plural, kind }) => [
    `/${plural}/{name}`,
    {
      patch: {
        parameters: [{ name: 'fieldValidation', in: 'query' }],
        'x-kubernetes-group-version-kind': { group, version: 'v1', kind },
        responses: {},
      },
    },
  ]);
  return {
    openapi: '3.0.0',
    info: { title: 'Kubernetes', version: 'v1.36.2' },
    paths: Object.fromEntries(paths),
  };
}
