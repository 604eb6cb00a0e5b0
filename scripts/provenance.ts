/**
 * Where the files of a release come from: an in-toto statement (https://in-toto.io/Statement/v1) with SLSA provenance
 * (https://slsa.dev/provenance/v1). It says what anybody can make again: the commit, and what else goes in, by checksums. It
 * has no time and no machine, so it is the same for the same release.
 */
import { ARCHITECTURES, type Architecture, type PinnedNode } from './node-runtime.ts';

/** Something that a release is made of, or holds: its address, and its checksums by their names in in-toto. */
export interface Resource {
  readonly name?: string;
  readonly uri?: string;
  readonly digest: Readonly<Record<string, string>>;
}

export interface ProvenanceFacts {
  readonly version: string;
  /** The address of the repository, as package.json has it: `git+https://.../svc2ipt.git`. */
  readonly repository: string;
  /** Of git. */
  readonly commit: string;
  /** The files, and the images in them. */
  readonly subjects: readonly Resource[];
  readonly node: PinnedNode;
  /** The SHA-256 of package-lock.json, which has the checksums of all libraries. */
  readonly lockFile: string;
  /** The base images that the images were made from, each by the ID that the engine gave it. */
  readonly bases: readonly Resource[];
}

export function provenanceOf(facts: ProvenanceFacts) {
  const { version, repository, commit, subjects, node, lockFile, bases } = facts;
  const source = `${repository}@refs/tags/v${version}`;
  const files = `${repository.replace(/^git\+|\.git$/g, '')}/blob/v${version}`;
  const runtimes = (Object.keys(node.sha256) as Architecture[]).map((architecture) => ({
    uri: `pkg:npm/node-linux-${ARCHITECTURES[architecture]}@${node.version}`,
    name: `node for ${architecture}`,
    digest: { sha256: node.sha256[architecture] },
  }));
  return {
    _type: 'https://in-toto.io/Statement/v1',
    subject: subjects,
    predicateType: 'https://slsa.dev/provenance/v1',
    predicate: {
      buildDefinition: {
        buildType: `${files}/docs/releasing.md`,
        externalParameters: { source, command: ['scripts/release-files'] },
        resolvedDependencies: [
          { uri: source, digest: { gitCommit: commit } },
          { name: 'package-lock.json', digest: { sha256: lockFile } },
          ...runtimes,
          ...bases,
        ],
      },
      runDetails: { builder: { id: `${files}/scripts/release-files.ts` } },
    },
  } as const;
}

/** As it is written to a file. */
export function printProvenance(facts: ProvenanceFacts): string {
  return `${JSON.stringify(provenanceOf(facts), undefined, 2)}\n`;
}
