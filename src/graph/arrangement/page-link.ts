/** What the page shows, as the fragment of its address. Part of the page. */

/** A chain, by the names that iptables knows it by. */
export interface ChainPlace {
  readonly table: string;
  readonly chain: string;
}

/** What a link leads to. */
export interface PageLink {
  readonly namespace: string | undefined;
  readonly chain: ChainPlace | undefined;
}

/** `nat/KUBE-SERVICES` */
export function printChainPlace({ table, chain }: ChainPlace): string {
  return `${table}/${chain}`;
}

/** Undefined where the text names no table, or no chain of it. */
export function readChainPlace(text: string): ChainPlace | undefined {
  const [, table, chain] = /^([^/]+)\/(.+)$/s.exec(text) ?? [];
  return table !== undefined && chain !== undefined ? { table, chain } : undefined;
}

/** `#chain=nat/KUBE-SERVICES&namespace=shop`; empty where there is nothing to lead to. */
export function printPageLink({ namespace, chain }: PageLink): string {
  const parts = [
    ...(chain ? [`chain=${encodeURIComponent(chain.table)}/${encodeURIComponent(chain.chain)}`] : []),
    ...(namespace === undefined ? [] : [`namespace=${encodeURIComponent(namespace)}`]),
  ];
  return parts.length > 0 ? `#${parts.join('&')}` : '';
}

/** What a fragment leads to; what it does not say, or says in another way, is undefined. */
export function readPageLink(fragment: string): PageLink {
  const parts = new URLSearchParams(fragment.replace(/^#/, '').replaceAll('+', '%2B'));
  return {
    namespace: parts.get('namespace') ?? undefined,
    chain: readChainPlace(parts.get('chain') ?? ''),
  };
}
