/** What NAT makes of a packet. */
import { joinPort } from '../../net/address.ts';
import type { ConntrackState } from '../types.ts';
import type { Translation } from './effects.ts';
import type { Flow } from './flow.ts';

/** Sends a packet to another destination. */
export function redirect(flow: Flow, { address, port }: Translation): Flow {
  const { header } = flow;
  const destination = address ?? header.destination;
  const destinationPort = port ?? header.destinationPort;
  const changes = destination.text !== header.destination.text || destinationPort !== header.destinationPort;
  return {
    ...flow,
    header: { ...header, destination, destinationPort },
    // A connection that is sent to where it goes anyway, is none that was translated.
    states: changes ? withState(flow, 'DNAT') : flow.states,
    redirected: true,
  };
}

/** Lets a packet come from another source. */
export function translateSource(flow: Flow, { address, port }: Translation): Flow {
  const { header } = flow;
  const source = address ?? header.source;
  const changes = source.text !== header.source.text || (port ?? header.sourcePort) !== header.sourcePort;
  return {
    ...flow,
    header: { ...header, source, sourcePort: port ?? header.sourcePort },
    states: changes ? withState(flow, 'SNAT') : flow.states,
    source: { to: port === undefined ? source.text : joinPort(source.text, port) },
  };
}

/**
 * Lets a packet come from an address of the node, of the kernel's choice. Where it meets rules after that, on the
 * loopback interface, it came from the node before, too.
 */
export function masquerade(flow: Flow): Flow {
  return { ...flow, states: withState(flow, 'SNAT'), source: 'masquerade' };
}

function withState({ states }: Flow, state: ConntrackState): readonly ConntrackState[] {
  return states.includes(state) ? states : [...states, state];
}
