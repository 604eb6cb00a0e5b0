/** An address and a port that UDP packets are sent to. */
export interface UdpAddress {
  /** Undefined for any address of the node: a node port. */
  readonly address: string | undefined;
  readonly port: number;
}

/** Where UDP packets to a service's address may be sent on: what connection tracking is checked against. */
export interface UdpDestination extends UdpAddress {
  /** `ip:port` of each endpoint that packets may go to. */
  readonly endpoints: ReadonlySet<string>;
}
