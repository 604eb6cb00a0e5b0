/** The report as JUnit's XML: a test suite for each cluster, with a test for each golden file. */
import { formatProblem } from '../api/problem.ts';
import { printJUnit, type TestCase, type TestOutcome } from '../text/junit.ts';
import {
  type ClusterReport,
  type FileReport,
  type GoldenReport,
  linesOfFile,
  wholeFileWords,
} from './report.ts';

/** A golden file that differs is a failure; a cluster that cannot be compiled is an error. */
export function goldenJUnit({ clusters }: GoldenReport): string {
  const suites = clusters.map((cluster) => ({
    name: cluster.cluster,
    cases: [...problemCases(cluster), ...cluster.files.map((file) => fileCase(file, cluster))],
  }));
  return printJUnit('svc2ipt golden check', suites);
}

function problemCases({ cluster, problems }: ClusterReport): TestCase[] {
  const [first, ...more] = problems.map(({ problem }) => formatProblem(problem));
  if (first === undefined) return [];
  const outcome = { outcome: 'error', type: 'problem', message: first, lines: [first, ...more] } as const;
  return [{ classname: cluster, name: 'can be compiled', outcome }];
}

function fileCase(file: FileReport, cluster: ClusterReport): TestCase {
  return { classname: cluster.cluster, name: file.file, outcome: outcomeOf(file, cluster) };
}

function outcomeOf(file: FileReport, cluster: ClusterReport): TestOutcome {
  if (file.change === 'none') return { outcome: 'passed' };
  const whole = wholeFileWords(file, cluster);
  const sentences = cluster.services.flatMap((service) =>
    service.sentences.flatMap(({ sentence, files }) => (files.includes(file.file) ? [sentence] : [])),
  );
  const words = whole === undefined ? sentences : [whole];
  const message = words.join('; ');
  const lines = [...words, ...linesOfFile(file).map(({ text }) => text)];
  return { outcome: 'failure', type: file.change, message, lines };
}
