/** What proxies of other modes have left behind. */
import type { Check, Trouble } from '../check.ts';

/** The interface that kube-proxy's ipvs mode gives all addresses of Services (kube-proxy v1.36). */
const IPVS_DEVICE = 'kube-ipvs0';

export const otherProxies: Check = {
  code: 'other-mode-leftovers',
  title: "Nothing of kube-proxy's other modes is left.",
  severity: 'error',
  remedy: 'kube-proxy --cleanup removes it, and so does a restart of the node.',
  needs: 'node',
  find(node): readonly Trouble[] {
    const nft = node.snapshot.outputs['nft-tables'];
    const tables = 'text' in nft ? nft.text.split('\n').filter((line) => / kube-proxy$/.test(line)) : [];
    const ipvs = node.links.filter(({ name }) => name === IPVS_DEVICE);
    return [
      ...(tables.length === 0
        ? []
        : [
            {
              cause: 'The rules of the nftables mode of kube-proxy are there, too, and packets meet both.',
              evidence: tables.map((line) => `nft list tables: ${line}`),
            },
          ]),
      ...ipvs.map(({ addresses }) => ({
        cause:
          'The interface of the ipvs mode of kube-proxy is there: the addresses of Services are those of the node itself.',
        evidence: [`${IPVS_DEVICE}: ${addresses.length === 0 ? 'no addresses' : addresses.join(', ')}`],
      })),
    ];
  },
};
