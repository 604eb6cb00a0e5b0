/** Two versions of the manifests, and what becomes another for packets. */

import { useAnswer } from './ask.ts';
import { EditorField } from './editor-field.tsx';
import { Problems } from './problems.tsx';
import type { TabProps } from './tab.ts';

export function CompareTab({ ask, input, state, look, set, nonce }: TabProps) {
  const { before, manifests } = state;
  const { answer, problems } = useAnswer(ask, 'compare', { input, before });
  return (
    <>
      <div class="bar">
        <p>
          <b>Before</b>, here; <b>after</b> is the text of the editor.
        </p>
        <span class="space" />
        <button type="button" onClick={() => set({ before: manifests })} disabled={before === manifests}>
          Begin anew: before = after
        </button>
        <button
          type="button"
          onClick={() => set({ before: manifests, manifests: before })}
          disabled={before === manifests}
        >
          Swap
        </button>
      </div>
      <div class="before">
        <EditorField
          text={before}
          label="Manifests before the change"
          of="manifests"
          findings={NONE}
          onChange={(text) => set({ before: text })}
          ask={ask}
          nonce={nonce}
        />
      </div>
      <Problems problems={problems} hasAnswer={answer !== undefined} look={look} />
      {answer && (
        <>
          <h2>What changes for packets</h2>
          {answer.services.length === 0 && (
            <p class="verdict good">
              {before === manifests
                ? 'Nothing has changed yet: edit the manifests.'
                : `Nothing changes for any packet. ${proofOf(answer.classes)}`}
            </p>
          )}
          {answer.services.map(({ name, sentences }) => (
            <article class="card" key={name}>
              <h3>{name}</h3>
              <ul class="notes">
                {sentences.map((sentence) => (
                  <li key={sentence}>{sentence}</li>
                ))}
              </ul>
            </article>
          ))}
          {answer.difference.length > 0 && (
            <>
              <h2>What changes in the rules</h2>
              {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls is reached by the keyboard */}
              <pre class="difference" tabIndex={0}>
                {answer.difference.map((line, i) => (
                  // Lines have no name but their place.
                  <span key={`${i} ${line}`} class={KINDS[line[0] ?? ''] ?? ''}>
                    {line}
                  </span>
                ))}
              </pre>
            </>
          )}
        </>
      )}
    </>
  );
}

const NONE: readonly never[] = [];

function proofOf(classes: number): string {
  if (classes === 0) return 'Every packet meets the same rules.';
  return `${classes.toLocaleString('en')} classes of packets that can meet another rule were compared.`;
}

const KINDS: Readonly<Record<string, string>> = { '+': 'added', '-': 'removed', '@': 'place' };
