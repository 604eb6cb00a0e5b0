/**
 * What rules say of themselves: the comments of service ports' rules, as kube-proxy v1.36 words them. They are written
 * and read by one table, and so are the names of service ports.
 */
import type { Match, Rule } from '../iptables/types.ts';
import { printable } from '../text/printable.ts';

/** A service port as rules print it: `namespace/name:port`, or `namespace/name` for an unnamed port. */
export function servicePortName(service: string, portName: string, legacyPortNames: boolean): string {
  return portName === '' && !legacyPortNames ? service : `${service}:${portName}`;
}

/** The Service, `namespace/name`, of a service port as rules print it. */
export function serviceOf(servicePort: string): string {
  const colon = servicePort.indexOf(':');
  return colon === -1 ? servicePort : servicePort.slice(0, colon);
}

/** The name of the port alone, of a service port as rules print it; '' for one without. */
export function portNameOf(servicePort: string): string {
  const colon = servicePort.indexOf(':');
  return colon === -1 ? '' : servicePort.slice(colon + 1);
}

/** The words around the name of the service port. What else a rule tells follows them. */
const FORMS = {
  /** The way to its node port, and what becomes of one endpoint. */
  itself: { before: '', after: '', tells: false },
  'cluster IP': { before: '', after: ' cluster IP', tells: false },
  'external IP': { before: '', after: ' external IP', tells: false },
  'load-balancer IP': { before: '', after: ' loadbalancer IP', tells: false },
  'no endpoints': { before: '', after: ' has no endpoints', tells: false },
  'no local endpoints': { before: '', after: ' has no local endpoints', tells: false },
  'health check node port': { before: '', after: ' health check node port', tells: false },
  /** The firewall chain. */
  'not accepted': { before: '', after: ' traffic not accepted by ', tells: true },
  /** `address:port` */
  endpoint: { before: '', after: ' -> ', tells: true },
  'masquerade external': { before: 'masquerade traffic for ', after: ' external destinations', tells: false },
  'pods to external': { before: 'pod traffic for ', after: ' external destinations', tells: false },
  'masquerade local to external': {
    before: 'masquerade LOCAL traffic for ',
    after: ' external destinations',
    tells: false,
  },
  'route local to external': {
    before: 'route LOCAL traffic for ',
    after: ' external destinations',
    tells: false,
  },
  'other traffic': {
    before: 'other traffic to ',
    after: ' will be dropped by KUBE-PROXY-FIREWALL',
    tells: false,
  },
} as const satisfies Record<
  string,
  { readonly before: string; readonly after: string; readonly tells: boolean }
>;

export type CommentForm = keyof typeof FORMS;

/** The forms behind which something else follows. */
type Telling = {
  [Form in CommentForm]: (typeof FORMS)[Form]['tells'] extends true ? Form : never;
}[CommentForm];

/**
 * The comment of a rule that is there for a service port.
 * @param servicePort as rules print it
 * @param told what follows the words of some forms
 */
export function commentFor(
  servicePort: string,
  ...[form, told = '']: [form: Telling, told: string] | [form: Exclude<CommentForm, Telling>]
): Match {
  const { before, after } = FORMS[form];
  return { match: 'comment', comment: before + servicePort + after + told };
}

/** The comment of the node's rules that refuse what nobody serves; it names the setting that asks for them. */
export const UNASSIGNED = 'svc2ipt.rejectUnassigned: a cluster IP or port of no Service';

/** What a comment says. */
export interface About {
  /** As rules print it. */
  readonly servicePort: string;
  /** `other` for words that are none of ours, behind the name of a service port. */
  readonly form: CommentForm | 'other';
}

const NAME = /^[^/:\s]+\/[^/:\s]+(?::[^\s:]*)?$/;

/** What the comment of a rule says that it is for; undefined where it names no service port. */
export function readComment(comment: string): About | undefined {
  for (const [form, { before, after, tells }] of FORM_LIST) {
    if (!comment.startsWith(before)) continue;
    const end = tells ? comment.indexOf(after) : comment.length - after.length;
    if (end < before.length || !comment.startsWith(after, end)) continue;
    const servicePort = comment.slice(before.length, end);
    if (NAME.test(servicePort)) return { servicePort, form };
  }
  const [servicePort = ''] = comment.split(' ');
  return NAME.test(servicePort) ? { servicePort, form: 'other' } : undefined;
}

const FORM_LIST = Object.entries(FORMS) as [CommentForm, (typeof FORMS)[CommentForm]][];

/** What a rule says that it is for; undefined for the node's own, and for others'. */
export function aboutOf({ matches }: Rule): About | undefined {
  for (const match of matches) {
    if (match.match === 'comment') return readComment(printable(match.comment));
  }
  return undefined;
}
