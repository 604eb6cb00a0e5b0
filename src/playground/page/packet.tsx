/** A packet that somebody sends: what becomes of it, and its way through the chains, rule by rule. */
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { type WalkStep, walkSteps } from '../../graph/arrangement/walk-steps.ts';
import { mountPicture, type Picture } from '../../graph/page/picture.ts';
import type { PictureWalk } from '../../graph/page/walker.ts';
import type { Outcome } from '../../iptables/simulator/fate.ts';
import { printShare } from '../../text/share.ts';
import type { Choice, SentPacket } from '../answers.ts';
import { useAnswer } from './ask.ts';
import { Share } from './meaning.tsx';
import { Problems } from './problems.tsx';
import type { TabProps } from './tab.ts';

export function PacketTab({ ask, input, state, look, set }: TabProps) {
  const senders = look?.senders ?? [];
  const targets = look?.targets ?? [];
  const from = state.from === '' ? (senders[0]?.place ?? '') : state.from;
  const to = state.to === '' ? (targets[0]?.place ?? '') : state.to;
  const inquiry = from === '' || to === '' ? undefined : { input, from, to };
  const { answer, problems } = useAnswer(ask, 'packet', inquiry);
  return (
    <>
      <div class="bar send">
        <PlaceField
          label="From"
          value={from}
          choices={senders}
          hint="an address"
          onChange={(value) => set({ from: value })}
        />
        <PlaceField
          label="To"
          value={to}
          choices={targets}
          hint="ADDRESS:PORT"
          onChange={(value) => set({ to: value })}
        />
      </div>
      <Problems problems={problems} hasAnswer={answer !== undefined} look={look} />
      {answer && <Sent key={JSON.stringify(answer.asked.packet)} sent={answer} />}
      {!answer && problems.length === 0 && <p class="empty">No Service has an address in this family.</p>}
    </>
  );
}

/** One of several places, or another that somebody types. */
function PlaceField({
  label,
  value,
  choices,
  hint,
  onChange,
}: {
  readonly label: string;
  readonly value: string;
  readonly choices: readonly Choice[];
  readonly hint: string;
  readonly onChange: (value: string) => void;
}) {
  const [typing, setTyping] = useState(false);
  const isKnown = choices.some(({ place }) => place === value);
  return (
    <div class="place">
      <label class="field">
        <span>{label}</span>
        <select
          aria-label={label}
          value={typing || !isKnown ? OTHER : value}
          onChange={({ currentTarget }) => {
            setTyping(currentTarget.value === OTHER);
            if (currentTarget.value !== OTHER) onChange(currentTarget.value);
          }}
        >
          {choices.map(({ place, words }) => (
            <option key={place} value={place}>
              {words}
            </option>
          ))}
          <option value={OTHER}>another address …</option>
        </select>
      </label>
      {(typing || !isKnown) && (
        <input
          aria-label={`${label}: ${hint}`}
          placeholder={hint}
          value={value}
          spellcheck={false}
          onChange={({ currentTarget }) => onChange(currentTarget.value.trim())}
        />
      )}
    </div>
  );
}

const OTHER = 'other';

function Sent({ sent }: { readonly sent: SentPacket }) {
  const { trace, asked, data } = sent;
  const steps = useMemo(() => walkSteps(trace.stages), [trace]);
  const [at, setAt] = useState(0);
  const element = useRef<HTMLDivElement>(null);
  const walk = useRef<PictureWalk>(null);
  const picture = useRef<Picture>(null);
  useEffect(() => {
    if (element.current === null) return;
    const mounted = mountPicture(element.current, data, { list: false });
    picture.current = mounted;
    return () => mounted.destroy();
  }, []);
  useEffect(() => {
    picture.current?.update(data);
    walk.current = picture.current?.walk(steps, { autoplay: true, onStep: setAt }) ?? null;
  }, [data, steps]);
  const isLost = trace.outcomes.every(({ verdict }) => verdict !== 'ACCEPT');
  return (
    <>
      <p class={`verdict ${isLost ? 'bad' : 'good'}`} role="status">
        {trace.sentence}
      </p>
      {trace.outcomes.length > 1 && <Outcomes outcomes={trace.outcomes} to={asked.packet.destination} />}
      {[...asked.notes, ...trace.remarks].map((note) => (
        <p class="soft remark" key={note}>
          {note}
        </p>
      ))}
      <div class="walk-picture" ref={element} />
      <Steps trace={trace} steps={steps} at={at} go={(step) => walk.current?.go(step)} />
    </>
  );
}

function Outcomes({ outcomes, to }: { readonly outcomes: readonly Outcome[]; readonly to: string }) {
  return (
    <ul class="outcomes">
      {outcomes.map(({ verdict, dnat, masqueraded, probability }) => (
        <li key={`${verdict} ${dnat} ${masqueraded}`}>
          <Share share={probability} />
          <span class="mono">{dnat ?? to}</span>
          <span class="soft">
            {verdict === 'ACCEPT'
              ? masqueraded
                ? 'masqueraded'
                : ''
              : verdict === 'DROP'
                ? 'dropped'
                : 'refused'}
          </span>
        </li>
      ))}
    </ul>
  );
}

const ANSWERS = { yes: 'matches', no: 'no', chance: 'by chance', unknown: 'unknown' } as const;

/** The same way as text: each rule with its reason. */
function Steps({
  trace,
  steps,
  at,
  go,
}: {
  readonly trace: SentPacket['trace'];
  readonly steps: readonly WalkStep[];
  readonly at: number;
  readonly go: (step: number) => void;
}) {
  let count = 0;
  return (
    <section aria-label="The way, rule by rule">
      {trace.stages.map(({ table, chain, packets, lines, policy }) => (
        <section class="stage" key={`${table} ${chain} ${packets[0]?.destination}`}>
          <h3>
            {chain}{' '}
            <small>
              table {table}
              {wherePackets(packets)}
            </small>
          </h3>
          <ol>
            {[...lines, ...(policy === undefined ? [] : [policy])].map((line) => {
              const step = count++;
              const { answer = 'no', fits = 0, reason = '' } = steps[step] ?? {};
              const shown = answer === 'yes' && fits < 1 && fits > 0 ? 'chance' : answer;
              return (
                <li
                  // Steps have no name but their place.
                  key={step}
                  class={`${answer} ${step === at ? 'here' : ''} ${typeof line === 'string' || 'rest' in line ? 'rest' : ''}`}
                  data-depth={typeof line === 'string' ? 0 : Math.min(line.depth, 5)}
                >
                  <button
                    type="button"
                    aria-current={step === at ? 'step' : undefined}
                    onClick={() => go(step)}
                  >
                    <span class="answer">
                      {answer === 'chance' || shown === 'chance' ? printShare(fits) : ANSWERS[answer]}
                    </span>
                    {typeof line === 'string' || 'rest' in line ? (
                      <span>{reason}</span>
                    ) : (
                      <span>
                        <b>
                          {line.chain} {line.number}
                        </b>{' '}
                        <code>{line.rule}</code>
                        <small>{reason}</small>
                      </span>
                    )}
                  </button>
                </li>
              );
            })}
          </ol>
        </section>
      ))}
    </section>
  );
}

function wherePackets(packets: SentPacket['trace']['stages'][number]['packets']): string {
  const [first] = packets;
  return packets.length === 1 && first ? `, to ${first.destination}` : `, to ${packets.length} destinations`;
}
