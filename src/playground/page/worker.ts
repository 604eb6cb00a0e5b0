/** The thread that works things out, so that typing never waits. */
import './jitless.ts';
import type { Inquiries, InquiryKind } from '../answers.ts';
import { playgroundEngine } from '../engine.ts';

/** What the page sends. */
export interface Letter<Kind extends InquiryKind = InquiryKind> {
  readonly id: number;
  readonly kind: Kind;
  readonly inquiry: Inquiries[Kind];
}

const engine = playgroundEngine();

self.addEventListener('message', ({ data }: MessageEvent<Letter>) => {
  const { id, kind, inquiry } = data;
  try {
    self.postMessage({ id, answered: engine.answer(kind, inquiry) });
  } catch (error) {
    // Rules go on being shown as they were, and what went wrong is told.
    const problems = [`a fault of this page: ${error instanceof Error ? error.message : error}`];
    self.postMessage({ id, answered: { ok: false, problems } });
  }
});
