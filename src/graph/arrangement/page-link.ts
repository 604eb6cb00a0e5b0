/** What the page shows, as the fragment of its address. Part of the page. */

/** What a link leads to. */
export interface PageLink {
  readonly namespace: string | undefined;
  readonly chain: { readonly table: string; readonly chain: string } | undefined;
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
  const [, table, chain] = /^([^/]+)\/(.+)$/s.exec(parts.get('chain') ?? '') ?? [];
  return {
    namespace: parts.get('namespace') ?? undefined,
    chain: table !== undefined && chain !== undefined ? { table, chain } : undefined,
  };
}
