/**
 * A bot that says in a pull request what the change does to packets.
 *
 *     node pull-request-comment.ts before.yaml after.yaml                 # prints the comment
 *     node pull-request-comment.ts before.yaml after.yaml OWNER/REPO 12   # posts it; needs GITHUB_TOKEN
 */
import { readFileSync } from 'node:fs';
import { effects, InputError, isSame, lint, printEffects, printLinted } from 'svc2ipt';

const [before = '', after = '', repository, pullRequest] = process.argv.slice(2);

const body = comment(readFileSync(before, 'utf8'), readFileSync(after, 'utf8'));
if (repository === undefined) console.log(body);
else await post(`repos/${repository}/issues/${pullRequest}/comments`, body);

/** The comment, in Markdown. */
function comment(from: string, to: string): string {
  try {
    const changed = effects({ from, to });
    const found = lint({ manifests: to });
    const blocks = [
      isSame(changed)
        ? 'This change does nothing to packets.'
        : block('What changes for packets', printEffects(changed)),
      ...(found.findings.length === 0 ? [] : [block('What svc2ipt found', printLinted(found))]),
    ];
    return blocks.join('\n\n');
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return block('These manifests cannot be read', error.message);
  }
}

function block(title: string, text: string): string {
  // Names in manifests may hold anything, also what ends a block.
  return `**${title}**\n\n~~~~~~text\n${text.replaceAll('~~~~~~', '~~~~~').trimEnd()}\n~~~~~~`;
}

async function post(path: string, body: string): Promise<void> {
  const { GITHUB_API_URL = 'https://api.github.com', GITHUB_TOKEN } = process.env;
  const response = await fetch(`${GITHUB_API_URL}/${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${GITHUB_TOKEN}`, accept: 'application/vnd.github+json' },
    body: JSON.stringify({ body }),
  });
  if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`);
}
