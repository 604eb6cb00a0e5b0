/** The rules of the text, with all of their parts explained. */
import { useMemo, useState } from 'preact/hooks';
import { useAnswer } from './ask.ts';
import { Problems } from './problems.tsx';
import { RuleLines } from './rule-lines.tsx';
import type { TabProps } from './tab.ts';

export function RulesTab({ ask, input, state, look, set }: TabProps) {
  const { service, chain } = state;
  const { answer, problems } = useAnswer(ask, 'rules', { input, service });
  // While somebody types, they stay as they are until there are others.
  const lines = useMemo(
    () =>
      answer && (
        <RuleLines name="rules" tables={answer.tables} chain={chain} onChain={(to) => set({ chain: to })} />
      ),
    [answer, chain, set],
  );
  return (
    <>
      <div class="bar">
        <ServiceChoice look={look} service={service} set={set} />
        {answer && <span class="soft">{answer.count.toLocaleString('en')} rules</span>}
        <span class="space" />
        <span class="soft hint">Point at a part of a rule, or use the arrow keys.</span>
        {answer && <CopyButton text={answer.text} />}
      </div>
      <Problems problems={problems} hasAnswer={answer !== undefined} look={look} />
      {lines}
    </>
  );
}

/** Which Service is shown. */
export function ServiceChoice({
  look,
  service,
  set,
}: Pick<TabProps, 'look' | 'set'> & { readonly service: string }) {
  const services = look?.services ?? [];
  const all = service === '' || services.includes(service) ? services : [...services, service];
  return (
    <label class="field inline">
      <span>Service</span>
      <select value={service} onChange={({ currentTarget: { value } }) => set({ service: value })}>
        <option value="">all</option>
        {all.map((name) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}

function CopyButton({ text }: { readonly text: string }) {
  const [told, setTold] = useState('Copy');
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setTold('Copied');
    } catch {
      setTold('The browser forbids it');
    }
    setTimeout(() => setTold('Copy'), 2000);
  };
  return (
    <button type="button" onClick={copy}>
      {told}
    </button>
  );
}
