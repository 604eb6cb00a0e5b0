import { setImmediate } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { type Answer, textAnswer } from './routes.ts';
import { SharedPages } from './shared-pages.ts';

/** A page that is made when the test says so, and what became of it. */
function scene() {
  const pages = new SharedPages();
  const makings: {
    readonly name: string;
    readonly givenUp: AbortSignal;
    readonly end: PromiseWithResolvers<Answer>;
  }[] = [];
  const page = pages.page(
    ({ query }) => query.get('name') ?? '',
    async ({ query }, givenUp) => {
      const end = Promise.withResolvers<Answer>();
      makings.push({ name: query.get('name') ?? '', givenUp, end });
      givenUp.addEventListener('abort', () => end.reject(new Error('given up')));
      return await end.promise;
    },
  );
  const ask = (name: string, over = new AbortController()) => {
    const request = { method: 'GET', query: new URLSearchParams({ name }), body: '', over: over.signal };
    const answer = Promise.try(() => page(request)).then(
      ({ body }) => body,
      (error: unknown) => String(error),
    );
    return { answer, leave: () => over.abort() };
  };
  return {
    ask,
    makings,
    /** Lets everything happen that can. */
    settle: async () => {
      for (let i = 0; i < 5; i++) await setImmediate();
    },
    names: () => makings.map(({ name }) => name),
  };
}

describe('a page that costs much', () => {
  test('is made once for all who wait, and they get the same bytes', async () => {
    const { ask, makings, settle } = scene();
    const asked = Array.from({ length: 200 }, () => ask('a'));
    await settle();
    expect(makings).toHaveLength(1);
    makings[0]?.end.resolve(textAnswer('page'));
    const bodies = await Promise.all(asked.map(({ answer }) => answer));
    expect(String(bodies[0])).toBe('page');
    expect(new Set(bodies).size).toBe(1);
  });

  test('is given up when everybody has left, not before', async () => {
    const { ask, makings, settle } = scene();
    const [first, second] = [ask('a'), ask('a')];
    await settle();
    first.leave();
    expect(makings[0]?.givenUp.aborted).toBe(false);
    second.leave();
    expect(makings[0]?.givenUp.aborted).toBe(true);
    expect(await second.answer).toContain('given up');
  });

  test('is not begun where everybody has left before its turn', async () => {
    const { ask, makings, settle, names } = scene();
    const first = ask('a');
    const others = Array.from({ length: 200 }, () => ask('b'));
    await settle();
    for (const { leave } of others) leave();
    makings[0]?.end.resolve(textAnswer('a'));
    await first.answer;
    first.leave();
    await settle();
    expect(names()).toEqual(['a']);
    ask('c');
    await settle();
    expect(names()).toEqual(['a', 'c']);
  });

  test('is made anew for whoever comes once it is there', async () => {
    const { ask, makings, settle } = scene();
    const first = ask('a');
    await settle();
    makings[0]?.end.resolve(textAnswer('old'));
    expect(String(await first.answer)).toBe('old');
    const second = ask('a');
    await settle();
    expect(makings).toHaveLength(1);
    // The old page was sent.
    first.leave();
    await settle();
    makings[1]?.end.resolve(textAnswer('new'));
    expect(String(await second.answer)).toBe('new');
  });

  test('and another one are made one after the other', async () => {
    const { ask, makings, settle, names } = scene();
    const first = ask('a');
    ask('b');
    await settle();
    expect(names()).toEqual(['a']);
    makings[0]?.end.resolve(textAnswer('a'));
    await first.answer;
    await settle();
    expect(names()).toEqual(['a']);
    first.leave();
    await settle();
    expect(names()).toEqual(['a', 'b']);
  });

  test('that fails, fails for all who wait, and is tried again for the next', async () => {
    const { ask, makings, settle } = scene();
    const asked = [ask('a'), ask('a')];
    await settle();
    makings[0]?.end.reject(new Error('no'));
    expect(await Promise.all(asked.map(({ answer }) => answer))).toEqual(['Error: no', 'Error: no']);
    for (const { leave } of asked) leave();
    ask('a');
    await settle();
    expect(makings).toHaveLength(2);
  });

  test('is not made for whoever has left already, and keeps nobody waiting for that', async () => {
    const { ask, settle, names } = scene();
    const left = new AbortController();
    left.abort();
    expect(await ask('a', left).answer).toContain('abort');
    ask('b');
    await settle();
    expect(names()).toEqual(['b']);
  });

  test('that is given up keeps nobody who comes then', async () => {
    const { ask, makings, settle } = scene();
    const first = ask('a');
    await settle();
    first.leave();
    const second = ask('a');
    await settle();
    makings[1]?.end.resolve(textAnswer('page'));
    expect(String(await second.answer)).toBe('page');
  });
});
