/** Questions to the other thread. */
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { Answered, Inquiries, InquiryAnswers, InquiryKind } from '../answers.ts';
import { withNews } from '../news.ts';
import type { Letter, Reply } from './worker.ts';

/** Asks; undefined where somebody has asked the same kind of question anew before this one was sent. */
export type Ask = <Kind extends InquiryKind>(
  kind: Kind,
  inquiry: Inquiries[Kind],
) => Promise<Answered<Kind> | undefined>;

interface Waiting {
  readonly letter: Letter;
  readonly resolve: (answered: Answered | undefined) => void;
}

/** Starts the thread, of a script that the page holds as text: it needs no file and no network. */
export function startThread(script: string): Ask {
  const address = URL.createObjectURL(new Blob([script], { type: 'text/javascript' }));
  const worker = new Worker(address);
  const waiting = new Map<InquiryKind, Waiting>();
  const last = new Map<InquiryKind, Answered>();
  let sent: Waiting | undefined;
  const next = () => {
    const [first] = waiting.values();
    if (sent !== undefined || first === undefined) return;
    waiting.delete(first.letter.kind);
    sent = first;
    worker.postMessage(first.letter);
  };
  worker.addEventListener('message', ({ data: { kind, news } }: MessageEvent<Reply>) => {
    // The other thread sends what is new since its last answer of this kind.
    const answered = withNews(last.get(kind), news) as Answered;
    last.set(kind, answered);
    sent?.resolve(answered);
    sent = undefined;
    next();
  });
  const ask = (kind: InquiryKind, inquiry: Inquiries[InquiryKind]) =>
    new Promise<Answered | undefined>((resolve) => {
      // Whoever types fast wants to know of the last state alone.
      waiting.get(kind)?.resolve(undefined);
      waiting.set(kind, { letter: { kind, inquiry }, resolve });
      next();
    });
  // The other thread answers what it is asked.
  return ask as Ask;
}

/** The last good answer to a question that changes, and what stands in the way of a newer one. */
export interface LastAnswer<Answer> {
  readonly answer: Answer | undefined;
  readonly problems: readonly string[];
}

/**
 * Asks whenever the question is another one.
 * @param inquiry undefined where there is nothing to ask now
 */
export function useAnswer<Kind extends InquiryKind>(
  ask: Ask,
  kind: Kind,
  inquiry: Inquiries[Kind] | undefined,
): LastAnswer<InquiryAnswers[Kind]> {
  const [known, setKnown] = useState<LastAnswer<InquiryAnswers[Kind]>>({ answer: undefined, problems: [] });
  const newest = useRef('');
  const key = inquiry === undefined ? '' : JSON.stringify(inquiry);
  // Not after the next picture, as effects are: the other thread can begin at once.
  useLayoutEffect(() => {
    newest.current = key;
    if (inquiry === undefined) return;
    ask(kind, inquiry).then((answered) => {
      if (answered === undefined || newest.current !== key) return;
      setKnown(({ answer }) =>
        answered.ok ? { answer: answered.answer, problems: [] } : { answer, problems: answered.problems },
      );
    });
    // The key is the question.
  }, [key]);
  return known;
}
