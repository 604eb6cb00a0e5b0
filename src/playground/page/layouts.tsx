/** The two layouts side by side. */

import { useAnswer } from './ask.ts';
import { Problems } from './problems.tsx';
import { RuleLines } from './rule-lines.tsx';
import { ServiceChoice } from './rules.tsx';
import type { TabProps } from './tab.ts';

const ABOUT: Readonly<Record<string, string>> = {
  'kube-proxy': 'One rule for each address, one after the other: as kube-proxy writes them.',
  fast: 'Trees of addresses, ports and endpoints: a packet meets few rules, however many Services there are.',
};

export function LayoutsTab({ ask, input, state, look, set }: TabProps) {
  const { service, chain } = state;
  const { answer, problems } = useAnswer(ask, 'layouts', { input, service });
  return (
    <>
      <div class="bar">
        <ServiceChoice look={look} service={service} set={set} />
      </div>
      <Problems problems={problems} hasAnswer={answer !== undefined} look={look} />
      {answer && answer.ways.length > 0 && (
        <table class="counts">
          <caption>Rules that a packet meets on its way to a Service, on average</caption>
          <thead>
            <tr>
              <th scope="col">to</th>
              {answer.layouts.map(({ layout }) => (
                <th scope="col" key={layout}>
                  {layout}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {answer.ways.map(({ to, rules }) => (
              <tr key={to}>
                <th scope="row">{to}</th>
                {rules.map((count, i) => (
                  <td key={answer.layouts[i]?.layout}>{Number(count.toFixed(1))}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <div class="side-by-side">
        {answer?.layouts.map(({ layout, chains, rules, tables }) => (
          <section key={layout} aria-label={`Layout ${layout}`}>
            <h2>
              {layout}{' '}
              <small>
                {chains} chains, {rules} rules
              </small>
            </h2>
            <p class="soft">{ABOUT[layout]}</p>
            <RuleLines name={layout} tables={tables} chain={chain} onChain={(to) => set({ chain: to })} />
          </section>
        ))}
      </div>
    </>
  );
}
