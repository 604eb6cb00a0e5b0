/** What all tabs have in common. */
import type { Look } from '../answers.ts';
import type { PlaygroundInput, PlaygroundState } from '../state.ts';
import type { Ask } from './ask.ts';

/** What a tab is given. */
export interface TabProps {
  readonly ask: Ask;
  readonly state: PlaygroundState;
  readonly input: PlaygroundInput;
  readonly look: Look | undefined;
  /** Changes what is shown. */
  readonly set: (change: Partial<PlaygroundState>) => void;
  readonly nonce: string;
}
