/** Lists as `kubectl get` prints them: the server says what is in which column. */
import { field } from './selectors.ts';

interface Column {
  readonly name: string;
  /** Only shown by `-o wide`. */
  readonly wide?: true;
  readonly cell: (object: unknown) => unknown;
}

const at =
  (...path: readonly string[]) =>
  (object: unknown) =>
    field(object, path);
const NAME: Column = { name: 'Name', cell: at('metadata', 'name') };
const AGE: Column = { name: 'Age', cell: () => '1m' };

const status = (name: string) => (object: unknown) => field(object, ['status', name]) ?? 0;

const COLUMNS: Readonly<Record<string, readonly Column[]>> = {
  DaemonSet: [
    NAME,
    { name: 'Desired', cell: status('desiredNumberScheduled') },
    { name: 'Current', cell: status('currentNumberScheduled') },
    { name: 'Ready', cell: status('numberReady') },
    { name: 'Up-to-date', cell: status('updatedNumberScheduled') },
    { name: 'Available', cell: status('numberAvailable') },
    AGE,
  ],
  Pod: [
    NAME,
    {
      name: 'Ready',
      cell: (pod) => `${at('status', 'containerStatuses', '0', 'ready')(pod) === true ? 1 : 0}/1`,
    },
    { name: 'Status', cell: at('status', 'phase') },
    { name: 'Restarts', cell: () => 0 },
    AGE,
    { name: 'IP', wide: true, cell: at('status', 'podIP') },
    { name: 'Node', wide: true, cell: at('spec', 'nodeName') },
  ],
};

/** A `Table` of objects of one kind. */
export function tableOf(kind: string, objects: readonly unknown[]): object {
  const columns = COLUMNS[kind] ?? [NAME, AGE];
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata: {},
    columnDefinitions: columns.map(({ name, wide }) => ({
      name,
      type: 'string',
      format: name === 'Name' ? 'name' : '',
      description: '',
      priority: wide ? 1 : 0,
    })),
    rows: objects.map((object) => ({
      cells: columns.map(({ cell }) => cell(object)),
      object: {
        kind: 'PartialObjectMetadata',
        apiVersion: 'meta.k8s.io/v1',
        metadata: field(object, ['metadata']),
      },
    })),
  };
}
