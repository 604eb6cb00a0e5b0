/** Commands of pages that are not held to the rules for all others, each with its reason. */

export type Exception = {
  readonly page: string;
  /** The command's text. */
  readonly command: string;
  readonly why: string;
} & ({ readonly exitCode: number } | { readonly skip: true });

export const EXCEPTIONS: readonly Exception[] = [
  {
    page: 'README.md',
    command: 'scripts/start    # install, build, and render a sample cluster',
    skip: true,
    why: 'it installs and builds what these tests are run with',
  },
  {
    page: 'README.md',
    command: 'scripts/test     # install what the tests need, and run all of them',
    skip: true,
    why: 'it is what runs these tests',
  },
  {
    page: 'docs/quick-start.md',
    command: 'npm install --global ./svc2ipt-*.tgz',
    skip: true,
    why: 'it asks a registry for libraries; package.test.ts installs the packed package without one',
  },
  {
    page: 'docs/quick-start.md',
    command: 'npm install --global .',
    skip: true,
    why: 'the folder of the page is no checkout; package.test.ts installs the packed package',
  },
  ...['svc2ipt playground --serve', 'svc2ipt playground --serve 8080'].map((command) => ({
    page: 'docs/commands/playground.md',
    command,
    skip: true as const,
    why: 'it serves until somebody ends it; playground.test.ts has it',
  })),
  {
    page: 'docs/commands/completion.md',
    command: 'source <(svc2ipt completion zsh)',
    skip: true,
    why: 'pages run in bash; completion.test.ts has zsh',
  },
  {
    page: 'docs/commands/diff.md',
    command: 'svc2ipt diff -f manifests/',
    exitCode: 1,
    why: 'the kernel has none of the rules yet',
  },
  {
    page: 'docs/commands/diff.md',
    command: 'svc2ipt diff --from old/ --to new/',
    exitCode: 1,
    why: 'old and new differ',
  },
  {
    page: 'docs/commands/diff.md',
    command: 'svc2ipt diff --effects --from old/ --to new/',
    exitCode: 1,
    why: 'old and new differ',
  },
  {
    page: 'docs/commands/doctor.md',
    command: 'svc2ipt doctor',
    skip: true,
    why: 'what it finds is up to the machine of the tests; docs/doctor.md runs it on a node of its own',
  },
  {
    page: 'docs/commands/doctor.md',
    command: 'svc2ipt doctor --all -o json',
    skip: true,
    why: 'what it finds is up to the machine of the tests; doctor.kernel.test.ts has it',
  },
  {
    page: 'docs/commands/doctor.md',
    command: 'svc2ipt doctor --context prod --node-name node1',
    skip: true,
    why: 'there is no cluster here; doctor.kernel.test.ts gives it manifests',
  },
  {
    page: 'docs/commands/doctor.md',
    command: 'svc2ipt doctor --context prod --service shop/web --probe',
    skip: true,
    why: 'there is no cluster here; doctor.kernel.test.ts probes endpoints of manifests',
  },
  {
    page: 'docs/commands/doctor.md',
    command: 'svc2ipt doctor --bundle node1.tar.gz --redact',
    skip: true,
    why: 'what it finds depends on the machine; bundle.kernel.test.ts has nodes of its own',
  },
  {
    page: 'docs/commands/render.md',
    command: 'svc2ipt render --context prod --node-name node1',
    skip: true,
    why: 'there is no cluster here; as-people-type.test.ts has one',
  },
  {
    page: 'docs/commands/render.md',
    command: 'svc2ipt render -k overlays/prod --all-nodes --output-folder rules',
    skip: true,
    why: 'not everybody has kubectl or kustomize; kustomization.test.ts has stand-ins',
  },
  {
    page: 'docs/commands/diff.md',
    command: 'svc2ipt diff --context prod --to shop/ -n shop --node-name node1',
    skip: true,
    why: 'there is no cluster here; as-people-type.test.ts has one',
  },
  {
    page: 'docs/commands/explain.md',
    command: 'svc2ipt explain web:http --context prod --all-nodes',
    skip: true,
    why: 'there is no cluster here; as-people-type.test.ts has one',
  },
  {
    page: 'docs/commands/lint.md',
    command: 'svc2ipt lint --context prod --all-nodes',
    skip: true,
    why: 'there is no cluster here; as-people-type.test.ts has one',
  },
  {
    page: 'docs/commands/top.md',
    command: 'svc2ipt top',
    skip: true,
    why: 'it goes on until somebody quits it; top-screen.kernel.test.ts does',
  },
  {
    page: 'docs/commands/top.md',
    command: 'svc2ipt top -o json --interval 10s',
    skip: true,
    why: 'it goes on until it is ended; top.kernel.test.ts ends it',
  },
  {
    page: 'docs/commands/graph.md',
    command: 'ssh node1 sudo iptables-save | svc2ipt graph > graph.html',
    skip: true,
    why: 'the node has no sudo; as-people-type.test.ts pipes saved rules',
  },
];

export function exceptionOf(page: string, command: string): Exception | undefined {
  return EXCEPTIONS.find((exception) => exception.page === page && exception.command === command);
}
