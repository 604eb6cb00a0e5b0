/** The picture of the rules. */
import { useEffect, useRef } from 'preact/hooks';
import { printChainPlace, readChainPlace } from '../../graph/arrangement/page-link.ts';
import type { PageData } from '../../graph/arrangement/page-types.ts';
import { mountPicture, type Picture } from '../../graph/page/picture.ts';
import { useAnswer } from './ask.ts';
import { Problems } from './problems.tsx';
import { ServiceChoice } from './rules.tsx';
import type { TabProps } from './tab.ts';

export function PictureTab({ ask, input, state, look, set }: TabProps) {
  const { service, chain } = state;
  const place = readChainPlace(chain);
  const { answer, problems } = useAnswer(ask, 'picture', { input, service });
  return (
    <>
      <div class="bar">
        <ServiceChoice look={look} service={service} set={set} />
        {place && (
          <button type="button" onClick={() => set({ tab: 'rules' })}>
            The rules of {place.chain}
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
      onSelect: (place) => choose.current(place ? printChainPlace(place) : ''),
    });
    picture.current = mounted;
    if (chain !== '') mounted.show(readChainPlace(chain));
    return () => mounted.destroy();
    // It has the data from then on.
  }, []);
  useEffect(() => picture.current?.update(data), [data]);
  useEffect(() => {
    if (chain !== '') picture.current?.show(readChainPlace(chain));
  }, [chain]);
  return <div class="drawing" ref={element} />;
}
