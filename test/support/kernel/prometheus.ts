/** A real Prometheus on the node of a lab, which scrapes the agent there. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { stringify } from 'yaml';
import { z } from 'zod';
import type { Lab } from './lab.ts';

const PORT = 9090;

const answer = z.object({ status: z.literal('success'), data: z.unknown() });
const vector = z.object({ result: z.array(z.object({ value: z.tuple([z.number(), z.string()]) })) });
const alerts = z.object({
  alerts: z.array(z.object({ labels: z.looseObject({ alertname: z.string() }), state: z.string() })),
});

export class Prometheus implements AsyncDisposable {
  readonly #lab: Lab;
  readonly #process: ReturnType<typeof startPrometheus>;
  #log = '';

  private constructor(lab: Lab, config: string, data: string) {
    this.#lab = lab;
    this.#process = startPrometheus(lab, config, data);
    this.#process.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#log += text;
    });
  }

  /**
   * Starts it, and gives it when it answers.
   * @param target host and port of the agent's metrics
   * @param instance the name of its node
   * @param rules files with alerts
   */
  static async start(
    lab: Lab,
    { target, instance, rules }: { target: string; instance: string; rules: readonly string[] },
  ): Promise<Prometheus> {
    const folder = join(lab.folder, 'prometheus');
    await mkdir(folder);
    const config = join(folder, 'prometheus.yml');
    const static_configs = [{ targets: [target], labels: { instance } }];
    await writeFile(
      config,
      stringify({
        global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
        rule_files: rules,
        scrape_configs: [{ job_name: 'svc2ipt', static_configs }],
      }),
    );
    const prometheus = new Prometheus(lab, config, join(folder, 'data'));
    for (const end = performance.now() + 120_000; !(await prometheus.#ask('status/buildinfo')); ) {
      if (performance.now() > end) throw new Error(`it never answered:\n${prometheus.#log}`);
      await sleep(200);
    }
    return prometheus;
  }

  /** The values of a query now. Throws where Prometheus does not take it. */
  async query(query: string): Promise<number[]> {
    const data = await this.#asked('query', ['--data-urlencode', `query=${query}`]);
    return vector.parse(data).result.map(({ value: [, text] }) => Number(text));
  }

  /** The names of all metrics that it knows. */
  async metrics(): Promise<readonly string[]> {
    return z.array(z.string()).parse(await this.#asked('label/__name__/values'));
  }

  /** The alerts that fire, or will when they have lasted. */
  async alerts(): Promise<readonly string[]> {
    const data = alerts.parse(await this.#asked('alerts'));
    return [...new Set(data.alerts.map(({ labels }) => labels.alertname))].sort();
  }

  async #asked(path: string, args: readonly string[] = []): Promise<unknown> {
    const data = await this.#ask(path, args);
    if (data === undefined) throw new Error(`no answer to ${path} ${args.join(' ')}`);
    return data;
  }

  /** Undefined where it refuses, or is not there. */
  async #ask(path: string, args: readonly string[] = []): Promise<unknown> {
    const url = `http://127.0.0.1:${PORT}/api/v1/${path}`;
    const { stdout } = await this.#lab.run('node', ['curl', '--silent', '--get', ...args, url]);
    // While it starts it says so, and that is no JSON.
    return stdout.startsWith('{') ? answer.safeParse(JSON.parse(stdout)).data?.data : undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.#process;
  }
}

function startPrometheus(lab: Lab, config: string, data: string) {
  const [program = '', ...words] = [
    ...lab.inside('node'),
    'prometheus',
    `--config.file=${config}`,
    `--storage.tsdb.path=${data}`,
    `--web.listen-address=127.0.0.1:${PORT}`,
  ];
  return execa(program, words, { reject: false, stdin: 'ignore', buffer: false });
}
