/** The state of the page as the fragment of its address, which no browser sends to anybody. */
import { LAYOUT_NAMES } from '../api/layout-names.ts';
import { FAMILIES } from '../net/address.ts';
import { type PlaygroundExample, type PlaygroundState, stateOfExample, TABS } from './state.ts';

/** What is written as it is. */
const PLAIN = ['node', 'family', 'layout', 'tab', 'service', 'chain', 'from', 'to'] as const;

/** What is written compressed. */
const LONG = ['manifests', 'config', 'before'] as const;

/** A link that holds more is none of ours: few bytes can stand for as much as fills a machine. */
const MOST_CHARACTERS = 5_000_000;

/**
 * The fragment of a state, without its `#`: the example that is nearest to it, and what is another than there.
 * @param examples the first is what an empty fragment stands for
 */
export async function fragmentOf(
  state: PlaygroundState,
  examples: readonly PlaygroundExample[],
): Promise<string> {
  const example = examples.find(({ manifests }) => manifests === state.manifests) ?? examples[0];
  const base = example && stateOfExample(example);
  const words = new URLSearchParams();
  if (example && example !== examples[0]) words.set('example', example.name);
  for (const name of PLAIN) if (state[name] !== base?.[name]) words.set(name, state[name] ?? '');
  for (const name of LONG) if (state[name] !== base?.[name]) words.set(name, await compressed(state[name]));
  return words.toString().replaceAll('%2F', '/').replaceAll('%3A', ':');
}

/**
 * The state of a fragment, with or without its `#`.
 * @param examples the first is what an empty fragment stands for
 * @returns undefined where the fragment is damaged, or of another page
 */
export async function stateOfFragment(
  fragment: string,
  examples: readonly PlaygroundExample[],
): Promise<PlaygroundState | undefined> {
  const words = new URLSearchParams(fragment.replace(/^#/, ''));
  const named = words.get('example');
  const example = named === null ? examples[0] : examples.find(({ name }) => name === named);
  if (example === undefined) return undefined;
  const base = stateOfExample(example);
  try {
    const texts = new Map<string, string>();
    for (const name of LONG) {
      const word = words.get(name);
      if (word !== null) texts.set(name, await decompressed(word));
    }
    return {
      manifests: texts.get('manifests') ?? base.manifests,
      config: texts.get('config') ?? base.config,
      before: texts.get('before') ?? base.before,
      node: words.get('node') ?? base.node,
      family: FAMILIES.find((family) => family === words.get('family')) ?? base.family,
      layout: LAYOUT_NAMES.find((layout) => layout === words.get('layout')) ?? base.layout,
      tab: TABS.find((tab) => tab === words.get('tab')) ?? base.tab,
      service: words.get('service') ?? base.service,
      chain: words.get('chain') ?? base.chain,
      from: words.get('from') ?? base.from,
      to: words.get('to') ?? base.to,
    };
  } catch {
    // Whatever a stranger's link holds, the page opens.
    return undefined;
  }
}

/** A text in few characters that an address can hold: deflated, in base64url. */
async function compressed(text: string): Promise<string> {
  const stream = new Blob([text]).stream().pipeThrough(new CompressionStream('deflate-raw'));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  const letters = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
  return letters.replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}

async function decompressed(word: string): Promise<string> {
  const bytes = Uint8Array.from(atob(word.replaceAll('-', '+').replaceAll('_', '/')), (letter) =>
    letter.charCodeAt(0),
  );
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate-raw'));
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let text = '';
  // Not every browser has streams that `for await` takes.
  const reader = stream.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    text += decoder.decode(value, { stream: true });
    if (text.length > MOST_CHARACTERS) throw new RangeError('the text of a link is too long');
  }
  return text + decoder.decode();
}
