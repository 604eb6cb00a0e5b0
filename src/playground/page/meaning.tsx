/** What each Service means on the node, in sentences and shares. */

import { printShare } from '../../text/share.ts';
import type { EndpointMeaning, PortMeaning, ServiceMeaning } from '../answers.ts';
import { useAnswer } from './ask.ts';
import { Problems } from './problems.tsx';
import type { TabProps } from './tab.ts';

export function MeaningTab({ ask, input, look, set }: TabProps) {
  const { answer, problems } = useAnswer(ask, 'meaning', { input });
  return (
    <>
      <Problems problems={problems} hasAnswer={answer !== undefined} look={look} />
      {answer?.services.map((service) => (
        <ServiceCard key={service.name} service={service} set={set} />
      ))}
      {answer?.services.length === 0 && <p class="empty">No Service yet. Type one, or choose an example.</p>}
      {answer !== undefined && answer.more > 0 && <p class="empty">… and {answer.more} more Services.</p>}
    </>
  );
}

function ServiceCard({ service, set }: { readonly service: ServiceMeaning } & Pick<TabProps, 'set'>) {
  const { name, type, summary, ports } = service;
  return (
    <article class="card">
      <header>
        <h2>{name}</h2>
        <span class="badge">{type}</span>
        {ports.length > 0 && (
          <span class="actions">
            <button type="button" onClick={() => set({ tab: 'rules', service: name })}>
              Its rules
            </button>
            <button type="button" onClick={() => set({ tab: 'picture', service: name })}>
              Its picture
            </button>
          </span>
        )}
      </header>
      <p class="summary">{summary}</p>
      {ports.map((port) => (
        <Port key={`${port.servicePort} ${port.protocol}`} port={port} set={set} alone={ports.length === 1} />
      ))}
    </article>
  );
}

const VERDICTS = { endpoints: 'good', through: 'open', REJECT: 'bad', DROP: 'bad' } as const;

function Port({
  port,
  set,
  alone,
}: { readonly port: PortMeaning; readonly alone: boolean } & Pick<TabProps, 'set'>) {
  const { servicePort, protocol, ways, sets, endpoints, notes } = port;
  let last = '';
  return (
    <section>
      {!alone && (
        <h3>
          {servicePort}, {protocol}
        </h3>
      )}
      <ul class="ways">
        {ways.map(({ to, from, goesTo, source, verdict, packet }, i) => {
          const repeated = to === last;
          last = to;
          return (
            <li key={`${i} ${to} ${from}`} class={VERDICTS[verdict]}>
              <span class="to">{repeated ? '' : to}</span>
              <span class="from">
                <small>from</small> {from}
              </span>
              <span class="becomes">
                <Arrow /> {goesTo}
                {source !== '' && <small> {sourceWords(source)}</small>}
              </span>
              {packet.to === '' ? (
                <span />
              ) : (
                <button
                  type="button"
                  onClick={() => set({ tab: 'packet', from: packet.from, to: packet.to })}
                  aria-label={`Send a packet from ${from} to ${to}`}
                >
                  Send
                </button>
              )}
            </li>
          );
        })}
      </ul>
      {endpoints.length > 0 && <Endpoints endpoints={endpoints} sets={sets} />}
      {notes.length > 0 && (
        <ul class="notes">
          {notes.map((note) => (
            <li key={note}>{note}</li>
          ))}
        </ul>
      )}
    </section>
  );
}

function sourceWords(source: string): string {
  return source === 'kept' ? "sees the client's address" : source;
}

function Arrow() {
  return (
    <svg class="arrow" viewBox="0 0 24 12" width="24" height="12" aria-hidden="true">
      <path d="M1 6h20M16 1.5 21.5 6 16 10.5" />
    </svg>
  );
}

function Endpoints({
  endpoints,
  sets,
}: {
  readonly endpoints: readonly EndpointMeaning[];
  readonly sets: readonly string[];
}) {
  return (
    <table class="endpoints">
      <thead>
        <tr>
          <th scope="col">endpoint</th>
          <th scope="col">Pod</th>
          <th scope="col">on node</th>
          {sets.map((name) => (
            <th scope="col" key={name}>
              share{sets.length > 1 ? ` (${name})` : ''}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {endpoints.map(({ endpoint, pod, node, local, shares, note }) => (
          <tr key={`${endpoint} ${pod}`} class={shares.some((share) => share !== undefined) ? '' : 'unused'}>
            <td class="mono">{endpoint ?? '-'}</td>
            <td>
              {pod ?? ''}
              {note !== undefined && <small class="note">{note}</small>}
            </td>
            <td>
              {node ?? ''}
              {local && <small class="here">this node</small>}
            </td>
            {shares.map((share, i) => (
              <td key={sets[i]}>
                <Share share={share ?? 0} />
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** A probability as a bar and a fraction. */
export function Share({ share }: { readonly share: number }) {
  return (
    <span class="share-bar">
      <svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
        <rect class="whole" width="100" height="8" rx="3" />
        <rect class="filled" width={share * 100} height="8" rx="3" />
      </svg>
      {printShare(share)}
    </span>
  );
}
