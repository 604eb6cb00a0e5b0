/** A snapshot of a node with some rules, for tests that need one and no node. */
import { type NodeSnapshot, SNAPSHOT_COMMANDS, SNAPSHOT_PAGES } from '../../src/snapshot/snapshot.ts';

/** @param outputs what there is beside what is missing */
export function nodeSnapshot(
  outputs: Partial<Record<keyof typeof SNAPSHOT_COMMANDS, string>> = {},
  others: Partial<NodeSnapshot> = {},
): NodeSnapshot {
  const readings = Object.keys(SNAPSHOT_COMMANDS).map((name) => [
    name,
    { missing: `${name} is not installed` },
  ]);
  const pages = Object.keys(SNAPSHOT_PAGES).map((name) => [name, { missing: 'nobody there' }]);
  const given = Object.entries(outputs).map(([name, text]) => [name, { text }]);
  return {
    format: 1,
    takenAt: '2026-01-31T12:00:00.000Z',
    hostname: 'node-a.example.com',
    versions: { svc2ipt: '0.1.0', kernel: '6.1.0' },
    outputs: Object.fromEntries([...readings, ...given]),
    files: {},
    processes: [],
    pages: Object.fromEntries(pages),
    ...others,
  };
}
