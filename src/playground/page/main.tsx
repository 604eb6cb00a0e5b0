/** The page comes to life. */
import { render } from 'preact';
import { stateOfFragment } from '../fragment.ts';
import { type PlaygroundExample, stateOfExample } from '../state.ts';
import { App, DAMAGED } from './app.tsx';
import { startThread } from './ask.ts';

function textOf(id: string): string {
  const text = document.getElementById(id)?.textContent;
  if (typeof text !== 'string') throw new Error(`the page has no #${id}`);
  return text;
}

const examples: readonly PlaygroundExample[] = JSON.parse(textOf('examples'));
const [beginning] = examples;
if (beginning === undefined) throw new Error('the page has no examples');
const ask = startThread(textOf('thread'));
const shared = await stateOfFragment(location.hash, examples);
const nonce = document.querySelector<HTMLElement>('style[nonce]')?.nonce ?? '';
render(
  <App
    ask={ask}
    examples={examples}
    first={shared ?? stateOfExample(beginning)}
    complaint={shared === undefined ? DAMAGED : ''}
    nonce={nonce}
    licences={textOf('licences')}
  />,
  document.body,
);
