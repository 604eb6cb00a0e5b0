/** Whose chains those are that are not ours, by their names. */

const FIREWALLS: readonly (readonly [RegExp, string])[] = [
  [/^DOCKER/, 'Docker'],
  [/^(?:(?:INPUT|FORWARD|OUTPUT|PREROUTING|POSTROUTING)_|(?:IN|FWDI|FWDO|FWD|PRE|POST)_[a-z])/, 'firewalld'],
  [/^ufw6?-/, 'ufw'],
  [/^cali[-:]/, 'Calico'],
  [/^ISTIO/, 'Istio'],
  [/^(?:OLD_)?CILIUM_/, 'Cilium'],
  [/^FLANNEL-/, 'Flannel'],
  [/^WEAVE/, 'Weave Net'],
  [/^KUBE-(?:ROUTER|NWPLCY|POD-FW)/, 'kube-router'],
  [/^CNI-/, 'a CNI plugin'],
  [/^AWS-/, 'the Amazon VPC CNI plugin'],
  [/^ANTREA-/, 'Antrea'],
  [/^OVN-KUBE/, 'OVN-Kubernetes'],
  [/^NETAVARK/, 'Podman'],
  [/^LIBVIRT_/, 'libvirt'],
  [/^f2b-/, 'fail2ban'],
  [/^ts-/, 'Tailscale'],
];

/** Who makes a chain of this name; undefined where the name does not tell. */
export function firewallOf(chain: string): string | undefined {
  return FIREWALLS.find(([names]) => names.test(chain))?.[1];
}

/** ` of Docker`; nothing where that is unknown. */
export function ofFirewall(chain: string): string {
  const owner = firewallOf(chain);
  return owner === undefined ? '' : ` of ${owner}`;
}
