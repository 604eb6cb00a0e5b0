/** A packet that walks through the drawing, and the buttons that make it go and stop. */
import type { WalkStep } from '../arrangement/walk-steps.ts';
import { button, html } from './elements.ts';

/** A walk that goes on. Steps count from 0. */
export interface PictureWalk {
  play(): void;
  pause(): void;
  /** Goes to a step, and stays there. */
  go(step: number): void;
  /** 1 is as fast as one reads; 2 is twice as fast. */
  speed(factor: number): void;
  /** Ends it, and takes its traces from the drawing. */
  close(): void;
}

export interface WalkOptions {
  /** Begins to play at once. Unless given, it waits at the first step. */
  readonly autoplay?: boolean;
  /** Is told each step that it comes to. */
  readonly onStep?: (step: number) => void;
}

/** How long a step is shown, in milliseconds, before the next. */
const STEP_MILLISECONDS = 1800;
const SPEEDS = [0.5, 1, 2, 4];

const ANSWERS: Readonly<Record<WalkStep['answer'], string>> = {
  yes: 'matches',
  no: 'does not match',
  chance: 'matches by chance',
  unknown: 'unknown',
};

/**
 * A bar of buttons for a walk, and the walk.
 * @param share how a probability reads
 * @param show shows a step of it; animates what lies between it and the one before within so many milliseconds
 * @param closed is told when it is over
 */
export function walker(
  bar: HTMLElement,
  steps: readonly WalkStep[],
  show: (step: number, milliseconds: number) => void,
  closed: () => void,
  { autoplay = false, onStep }: WalkOptions,
): PictureWalk {
  let at = 0;
  let speed = 1;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const isPlaying = () => timer !== undefined;
  const last = steps.length - 1;

  const playButton = button('', { class: 'play' }, () => (isPlaying() ? walk.pause() : walk.play()));
  const back = button('\u2039', { 'aria-label': 'Step back' }, () => walk.go(at - 1));
  const forth = button('\u203a', { 'aria-label': 'Step forward' }, () => walk.go(at + 1));
  const position = html('input', { type: 'range', min: 0, max: Math.max(0, last), 'aria-label': 'Step' });
  position.addEventListener('input', () => walk.go(Number(position.value)));
  const speeds = html(
    'select',
    { 'aria-label': 'Speed' },
    ...SPEEDS.map((factor) => html('option', { value: factor }, `${factor}\u00d7`)),
  );
  speeds.addEventListener('change', () => walk.speed(Number(speeds.value)));
  const close = button('\u00d7', { class: 'close-walk', 'aria-label': 'End the walk' }, () => walk.close());
  const buttons = html(
    'div',
    { role: 'group', 'aria-label': 'PictureWalk' },
    back,
    playButton,
    forth,
    speeds,
  );
  const caption = html('p', { role: 'status' });
  bar.replaceChildren(buttons, position, close, caption);
  bar.hidden = false;

  const update = () => {
    const step = steps[at];
    back.disabled = at === 0;
    forth.disabled = at >= last;
    position.value = String(at);
    position.setAttribute('aria-valuetext', `${at + 1} of ${steps.length}`);
    playButton.textContent = isPlaying() ? '\u2016' : '\u25b6\ufe0e';
    playButton.setAttribute('aria-label', isPlaying() ? 'Pause' : 'Play');
    speeds.value = String(speed);
    caption.replaceChildren(...(step ? captionOf(step, at, steps.length) : ['The packet meets no rule.']));
  };
  const move = (step: number, milliseconds: number) => {
    at = Math.min(last, Math.max(0, step));
    if (steps[at]) {
      show(at, milliseconds);
      onStep?.(at);
    }
    update();
  };
  const wait = () => {
    timer = setTimeout(() => {
      if (at >= last) return walk.pause();
      wait();
      move(at + 1, STEP_MILLISECONDS / speed / 2);
    }, STEP_MILLISECONDS / speed);
  };
  const walk: PictureWalk = {
    play() {
      walk.pause();
      wait();
      move(at >= last ? 0 : at, 0);
    },
    pause() {
      clearTimeout(timer);
      timer = undefined;
      update();
    },
    go(step) {
      walk.pause();
      move(step, step === at + 1 ? STEP_MILLISECONDS / speed / 2 : 0);
    },
    speed(factor) {
      speed = factor;
      if (isPlaying()) {
        clearTimeout(timer);
        wait();
      }
      update();
    },
    close() {
      clearTimeout(timer);
      timer = undefined;
      bar.hidden = true;
      bar.replaceChildren();
      closed();
    },
  };
  move(0, 0);
  if (autoplay) walk.play();
  return walk;
}

function captionOf(step: WalkStep, at: number, count: number): (Node | string)[] {
  const { table, chain, number, answer, reason } = step;
  const where = number === undefined ? `${table} ${chain}` : `${table} ${chain}, rule ${number}`;
  return [
    html('span', { class: 'count' }, `${at + 1}/${count} `),
    html('b', {}, where),
    html('span', { class: `answer ${answer}` }, number === undefined ? '' : ` ${ANSWERS[answer]}`),
    html('span', {}, `: ${reason}`),
    html('span', { class: 'share' }, sharesIn(step)),
  ];
}

/** What part of all packets comes here, and goes this way, where that is not all of them. */
function sharesIn({ comes, fits, answer }: WalkStep): string {
  const part = answer === 'yes' || answer === 'chance' ? fits : comes;
  return part >= 1 || part <= 0 ? '' : ` (${Number((part * 100).toPrecision(3))} % of all)`;
}
