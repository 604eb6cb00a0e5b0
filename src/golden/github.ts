/** The report as GitHub Actions takes it from the output of a step: annotations beside the lines of a change. */
import { join } from 'node:path';
import { formatProblem } from '../api/problem.ts';
import { printable } from '../text/printable.ts';
import { workflowCommand } from '../text/workflow-command.ts';
import {
  type ClusterReport,
  type GoldenReport,
  sentenceWithFiles,
  serviceTitle,
  wholeFileWords,
} from './report.ts';

/**
 * A workflow command for each problem and each Service that changes, at its line in a manifest, or at the golden file.
 * Problems come first: a code host shows the first ten of a step beside the change.
 */
export function goldenAnnotations({ golden, clusters }: GoldenReport): string {
  return [
    ...clusters.flatMap(problemCommands),
    ...clusters.flatMap(serviceCommands),
    ...clusters.flatMap((cluster) => fileCommands(cluster, golden)),
  ].join('');
}

function problemCommands({ cluster, problems }: ClusterReport): string[] {
  const title = `cluster ${cluster} could not be checked`;
  return problems.map(({ problem, location }) =>
    workflowCommand('error', { ...location, title }, formatProblem(problem)),
  );
}

function serviceCommands(cluster: ClusterReport): string[] {
  return cluster.services.map(({ service, sentences, location }) => {
    const title = `rules change in cluster ${cluster.cluster}: ${serviceTitle(service)}`;
    const lines = sentences.map((sentence) => printable(sentenceWithFiles(sentence, cluster)));
    return workflowCommand('error', { ...location, title }, lines.join('\n'));
  });
}

function fileCommands(cluster: ClusterReport, golden: string): string[] {
  return cluster.files.flatMap((file) => {
    const words = wholeFileWords(file, cluster);
    if (words === undefined) return [];
    const path = join(golden, file.file);
    return [workflowCommand('error', { file: path, title: 'golden files' }, `${file.file}: ${words}`)];
  });
}
