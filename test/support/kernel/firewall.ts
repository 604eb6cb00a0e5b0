/** An applier in this process, for the firewall of a namespace that has no network to speak of. */
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { Applier, readTables } from '../../../src/applier/applier.ts';
import { type ChainDifference, chainDifferences } from '../../../src/applier/chain-diff.ts';
import { planChanges } from '../../../src/applier/plan.ts';
import { type IptablesPrograms, iptablesPrograms } from '../../../src/applier/programs.ts';
import type { Ruleset } from '../../../src/iptables/types.ts';
import type { Family } from '../../../src/net/address.ts';
import { MAIN } from '../project.ts';
import { type Backend, enter, NetworkNamespace } from './namespace.ts';

export interface Firewall {
  readonly backend: Backend;
  readonly family: Family;
}

/** kube-proxy's counters: objects that a rule may name once they are there. */
const NFACCT_OBJECTS = ['ct_state_invalid_dropped_pkts', 'localhost_nps_accepted_pkts'];

export class FirewallNamespace implements AsyncDisposable {
  readonly namespace: NetworkNamespace;
  readonly on: Firewall;
  /** iptables, iptables-save and iptables-restore, as commands that enter the namespace first. */
  readonly programs: IptablesPrograms;
  readonly #folder: string;
  /** iptables-legacy has one lock for a whole machine, which others use, too; this namespace has its own. */
  readonly #lock: string;

  private constructor(namespace: NetworkNamespace, on: Firewall, programs: IptablesPrograms, folder: string) {
    this.namespace = namespace;
    this.on = on;
    this.programs = programs;
    this.#folder = folder;
    this.#lock = lockIn(folder);
  }

  static async create(on: Firewall): Promise<FirewallNamespace> {
    const namespace = await NetworkNamespace.create();
    const folder = await mkdtemp(join(tmpdir(), 'svc2ipt-firewall-'));
    const programs = iptablesPrograms(on.family, on.backend);
    const entering = async (program: string): Promise<string> => {
      const path = join(folder, program);
      const lock = lockIn(folder);
      await writeFile(path, `#!/bin/sh\n${lock} exec ${enter(namespace.name).join(' ')} ${program} "$@"\n`);
      await chmod(path, 0o755);
      return path;
    };
    const [iptables, save, restore] = [
      await entering(programs.iptables),
      await entering(programs.save),
      await entering(programs.restore),
    ];
    return new FirewallNamespace(namespace, on, { ...programs, iptables, save, restore }, folder);
  }

  applier(): Applier {
    return new Applier(this.programs);
  }

  /** How the kernel differs from a ruleset, its jumps and our canaries, on a fresh reading. */
  async difference(wanted: Ruleset): Promise<ChainDifference[]> {
    return chainDifferences(planChanges(await readTables(this.programs), wanted), this.on.family);
  }

  /** Does what another program does: rules, as text for iptables-restore --noflush. Rejects where they are refused. */
  async add(rules: string): Promise<void> {
    await execa(this.programs.restore, ['--noflush', '--wait', '60'], { input: rules });
  }

  /** `svc2ipt cleanup`, and what it prints. It looks beyond the programs, so that it must be inside itself. */
  async cleanup(): Promise<string> {
    const command = [this.#lock, process.execPath, MAIN, 'cleanup', '--backend', this.on.backend];
    const { exitCode, stdout, stderr } = await this.namespace.run('env', command);
    if (exitCode !== 0) throw new Error(stderr);
    return stdout;
  }

  /** What iptables-save prints. */
  async save(): Promise<string> {
    return await this.namespace.save(this.on);
  }

  /** Makes the objects that kube-proxy counts with. */
  async addCounters(): Promise<void> {
    for (const name of NFACCT_OBJECTS) {
      const { exitCode, stderr } = await this.namespace.run('nfacct', ['add', name]);
      if (exitCode !== 0) throw new Error(`nfacct add ${name}: ${stderr}`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.namespace[Symbol.asyncDispose]();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

const lockIn = (folder: string): string => `XTABLES_LOCKFILE=${join(folder, 'xtables.lock')}`;
