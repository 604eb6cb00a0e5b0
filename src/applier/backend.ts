/** Which of the two iptables a node uses already: rules in the other one would be met as well, or not at all. */
import { KUBELET_SIGNS } from '../chains/names.ts';
import { CommandError } from '../errors/command-error.ts';
import { SaveReader } from '../iptables/save-lines.ts';
import { runReading } from './command.ts';
import type { Backend } from './programs.ts';

/** What a backend holds, counted over both families. */
export interface BackendUse {
  /** Chains that only a kubelet makes: it uses the iptables of the machine itself. */
  readonly kubeletChains: number;
  /** Chains whose names begin with `KUBE-`, as kube-proxy's and the kubelet's do. */
  readonly kubeChains: number;
  readonly rules: number;
}

/** In the order in which they decide. */
const SIGNS = ['kubeletChains', 'kubeChains', 'rules'] as const;

/**
 * The backend that a node uses, after the signs that kube-proxy v1.36's image goes by: the kubelet's chains tell
 * surest, then those of Kubernetes at all, then most rules. Undefined where nothing tells.
 */
export function chooseBackend({ nft, legacy }: Readonly<Record<Backend, BackendUse>>): Backend | undefined {
  const sign = SIGNS.find((name) => nft[name] !== legacy[name]);
  return sign && (nft[sign] > legacy[sign] ? 'nft' : 'legacy');
}

/** Counts in the output of iptables-save while it comes, as it may be 20 MB. */
export class UseCounter {
  readonly #use = { kubeletChains: 0, kubeChains: 0, rules: 0 };
  readonly #reader = new SaveReader({
    chain: (name) => {
      if (!name.startsWith('KUBE-')) return;
      this.#use.kubeChains++;
      if (KUBELET_SIGNS.includes(name)) this.#use.kubeletChains++;
    },
    rule: () => {
      this.#use.rules++;
    },
  });

  read(chunk: string): void {
    this.#reader.read(chunk);
  }

  finish(): void {
    this.#reader.finish();
  }

  /** See {@link SaveReader.problem}; known once all has been read. */
  get problem(): string | undefined {
    return this.#reader.problem;
  }

  get use(): BackendUse {
    return { ...this.#use };
  }
}

/**
 * Looks at what is in the kernel, in this network namespace, and says which backend uses it. Nothing is changed:
 * iptables-legacy-save is asked for all tables, since it makes a table that it is asked for by name.
 * @param savePrograms the iptables-save of each backend, of both families
 */
export async function backendInUse(
  savePrograms: Readonly<Record<Backend, readonly string[]>>,
): Promise<Backend | undefined> {
  // Most nodes are known by their kubelet's chains in the mangle table. All rules of a large node take a second to read.
  const [mangle, legacy] = await Promise.all([
    useOf(savePrograms.nft, ['-t', 'mangle']),
    useOf(savePrograms.legacy),
  ]);
  if (mangle.kubeletChains !== legacy.kubeletChains) return chooseBackend({ nft: mangle, legacy });
  return chooseBackend({ nft: await useOf(savePrograms.nft), legacy });
}

async function useOf(programs: readonly string[], args: readonly string[] = []): Promise<BackendUse> {
  const counter = new UseCounter();
  for (const program of programs) {
    try {
      await runReading([program, ...args], counter);
    } catch (error) {
      // It is not installed, or not in the kernel: then nobody uses it.
      if (!(error instanceof CommandError) || error.interrupted) throw error;
    }
  }
  return counter.use;
}
