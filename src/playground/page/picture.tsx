/** The picture of the rules. */
import { useEffect, useRef } from 'preact/hooks';
import type { PageData } from '../../graph/arrangement/page-types.ts';
import { mountPicture, type Picture } from '../../graph/page/picture.ts';
import { useAnswer } from './ask.ts';
import { Problems } from './problems.tsx';
import { ServiceChoice } from './rules.tsx';
import type { TabProps } from './tab.ts';

export function PictureTab({ ask, input, state, look, set }: TabProps) {
  const { service, chain } = state;
  const { answer, problems } = useAnswer(ask, 'picture', { input, service });
  return (
    <>
      <div class="bar">
        <ServiceChoice look={look} service={service} set={set} />
        {chain !== '' && (
          <button type="button" onClick={() => set({ tab: 'rules' })}>
            The rules of {chainOf(chain).chain}
          </button>
        )}
      </div>
      <Problems problems={problems} hasAnswer={answer !== undefined} look={look} />
      {answer && <Drawing data={answer.data} chain={chain} onChain={(to) => set({ chain: to })} />}
    </>
  );
}

/** A picture as a part of the page. */
export function Drawing({
  data,
  chain,
  onChain,
}: {
  readonly data: PageData;
  readonly chain: string;
  readonly onChain: (chain: string) => void;
}) {
  const element = useRef<HTMLDivElement>(null);
  const picture = useRef<Picture>(null);
  const choose = useRef(onChain);
  choose.current = onChain;
  useEffect(() => {
    if (element.current === null) return;
    const mounted = mountPicture(element.current, data, {
      list: false,
      onSelect: (place) => choose.current(place ? `${place.table}/${place.chain}` : ''),
    });
    picture.current = mounted;
    if (chain !== '') mounted.show(chainOf(chain));
    return () => mounted.destroy();
    // It has the data from then on.
  }, []);
  useEffect(() => picture.current?.update(data), [data]);
  useEffect(() => {
    if (chain !== '') picture.current?.show(chainOf(chain));
  }, [chain]);
  return <div class="drawing" ref={element} />;
}

/** @param place `nat/KUBE-SERVICES` */
function chainOf(place: string): { readonly table: string; readonly chain: string } {
  const at = place.indexOf('/');
  return { table: place.slice(0, at), chain: place.slice(at + 1) };
}
