/**
 * Whether a request's `Host` names this server, for pages that tell of the cluster.
 *
 * A page that listens on loopback is for people on the node, and a browser there is one of them. A web site can have its
 * own name resolve to 127.0.0.1 (DNS rebinding), and its scripts may then read what its name answers. But they cannot
 * choose what the browser sends as `Host`: the site's name. So a name must be one that no site can have.
 *
 * Health, metrics and health check node ports take any `Host`: load balancers, kubelets and Prometheus send what they
 * were told to, by names that nothing here knows, and what those pages tell is of no use to a web site.
 */
import { isIP } from 'node:net';

/**
 * @param host the `Host` header; undefined where there is none, which no browser leaves out
 * @param names those that this server has, beside its addresses and `localhost`
 */
export function trustedHost(host: string | undefined, names: readonly string[]): boolean {
  if (host === undefined) return true;
  const [, v6, name = ''] = /^(?:\[([^\]]*)\]|([^:]*))(?::\d{1,5})?$/.exec(host) ?? [];
  if (v6 !== undefined) return isIP(v6) === 6;
  const bare = name.toLowerCase().replace(/\.$/, '');
  return isIP(bare) === 4 || ['localhost', ...names].includes(bare);
}
