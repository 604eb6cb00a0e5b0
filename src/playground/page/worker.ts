/** The thread that works things out, so that typing never waits. */
import './jitless.ts';
import type { Answered, Inquiries, InquiryKind } from '../answers.ts';
import { playgroundEngine } from '../engine.ts';
import { type News, newsOf } from '../news.ts';

/** What the page sends. */
export interface Letter<Kind extends InquiryKind = InquiryKind> {
  readonly kind: Kind;
  readonly inquiry: Inquiries[Kind];
}

/** What it sends back: what is new since the last answer of the same kind. */
export interface Reply {
  readonly kind: InquiryKind;
  readonly news: News;
}

const engine = playgroundEngine();
const last = new Map<InquiryKind, Answered>();

self.addEventListener('message', ({ data: { kind, inquiry } }: MessageEvent<Letter>) => {
  const answered = answerTo(kind, inquiry);
  const reply: Reply = { kind, news: newsOf(last.get(kind), answered) };
  last.set(kind, answered);
  self.postMessage(reply);
});

function answerTo(kind: InquiryKind, inquiry: Inquiries[InquiryKind]): Answered {
  try {
    return engine.answer(kind, inquiry);
  } catch (error) {
    // Rules go on being shown as they were, and what went wrong is told.
    return {
      ok: false,
      problems: [`a fault of this page: ${error instanceof Error ? error.message : error}`],
    };
  }
}
