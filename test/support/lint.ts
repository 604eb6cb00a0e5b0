/** For tests of lintCluster that are tables: a small cluster in, what is found in it out. */
import { parseObjects } from '../../src/api/objects.ts';
import type { LintOptions } from '../../src/lint/context.ts';
import type { ObjectFinding } from '../../src/lint/finding.ts';
import { lintCluster } from '../../src/lint/lint.ts';
import type { Manifest } from './arbitrary/raw.ts';
import { type Given, inputOf, service } from './rules.ts';

/** Findings as the command line has them, with everything known of the input. */
export function findingsOf(given: Given, options: LintOptions = {}): ObjectFinding[] {
  const { cluster, node } = inputOf(given);
  const objects = (given.objects ?? []).flatMap((manifest) =>
    parseObjects(manifest, []).objects.map(({ object }) => object),
  );
  return lintCluster(cluster, node, {
    nodes: new Map(objects.flatMap((object) => (object.kind === 'Node' ? [[object.name, object]] : []))),
    endpointSlices: objects.flatMap((object) => (object.kind === 'EndpointSlice' ? [object] : [])),
    pods: objects.flatMap((object) => (object.kind === 'Pod' ? [object] : [])),
    ...options,
  });
}

/** `CODE FIELD` of each finding, with the object before it where it is not Service shop/web. */
export function told(findings: readonly ObjectFinding[]): string[] {
  return findings.map(({ code, object: { kind, namespace, name }, field }) => {
    const object = `${kind} ${namespace}/${name}`;
    return object === 'Service shop/web' ? `${code} ${field}` : `${code} ${object} ${field}`;
  });
}

/** A Service of another name, with a cluster IP of its own. */
export function other(name: string, spec: Manifest = {}, rest: Manifest = {}): Manifest {
  return service({ clusterIP: '10.96.0.20', ...spec }, { ...rest, metadata: { name, namespace: 'shop' } });
}

export function node(name: string, ip: string, labels: Manifest = {}): Manifest {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels },
    status: { addresses: [{ type: 'InternalIP', address: ip }] },
  };
}
