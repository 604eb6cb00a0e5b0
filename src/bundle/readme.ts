/** What a bundle says of itself to whoever unpacks it. */
export const BUNDLE_README = `A node at one moment, as svc2ipt doctor --bundle found it.

manifest.json    of which node, when, by which versions; what could not be
                 read, and why; whether addresses and names were replaced
outputs/         what programs printed: the rules of both iptables backends
                 and families with counters (iptables-nft-save ...), addresses,
                 routes, connection tracking of UDP, sets
files/proc/      the kernel's files: settings, modules, listening sockets
pages/           what the agent, or kube-proxy, says of itself
processes.json   the programs that run, without their arguments

svc2ipt reads it as it is, without unpacking:

  svc2ipt doctor --save FILE
  svc2ipt explain shop/web --save FILE
  svc2ipt trace --save FILE --from ADDRESS --to ADDRESS:PORT
  svc2ipt graph --save FILE -o html
  svc2ipt diff --effects --from-save FILE --to-save FILE
`;
