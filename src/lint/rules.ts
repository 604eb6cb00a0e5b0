/** The table of lint's rules. */
import type { Severity } from './severity.ts';

export interface LintRule {
  readonly severity: Severity;
  /** What the rule finds: one sentence. */
  readonly summary: string;
  /** What to do about it: one sentence. */
  readonly remedy: string;
}

export type RuleCode = keyof typeof RULES;

/** By their codes, which are stable. */
export const RULES = {
  // Where endpoints are.
  'no-endpoints': {
    severity: 'warning',
    summary: 'A service port has no endpoints, so its traffic is refused.',
    remedy:
      'Make the selector and the names of ports match Pods that run, or write an EndpointSlice for the Service.',
  },
  'no-endpoint-slices': {
    severity: 'info',
    summary: 'A Service has a selector, but the input has no endpoints for it.',
    remedy:
      'Include the EndpointSlices (kubectl get services,endpointslices -A -o yaml); if you did, find out why no controller made one.',
  },
  'no-ready-endpoints': {
    severity: 'warning',
    summary: 'A service port has endpoints, but none that may get traffic.',
    remedy:
      'Find out why the Pods are not ready; publishNotReadyAddresses sends them traffic before they are.',
  },
  'terminating-endpoints': {
    severity: 'warning',
    summary: 'All endpoints that still serve are terminating.',
    remedy:
      'Let a new Pod become ready before the last old one goes, as a Deployment does with maxUnavailable 0.',
  },

  // Workloads.
  'selector-without-workload': {
    severity: 'warning',
    summary: 'A selector matches no workload in the input, so the Service has no endpoints.',
    remedy: "Make the selector match the labels in the workload's template, in the same namespace.",
  },
  'target-port-name-unknown': {
    severity: 'warning',
    summary: 'A target port is a name that no container has, so its traffic is refused.',
    remedy: 'Use a name from the ports of a container, for the same protocol, or the number.',
  },
  'target-port-missing-in-pod': {
    severity: 'warning',
    summary: 'A target port is a name that some of the selected Pods do not have, and these get no traffic.',
    remedy: 'Give the container port that name, or exclude these Pods from the selector.',
  },
  'selector-of-several-applications': {
    severity: 'warning',
    summary:
      'One selector matches Pods of several applications, and the Service spreads traffic over all of them.',
    remedy: 'Add a label to the selector that only one of the applications has.',
  },
  'target-port-undeclared': {
    severity: 'info',
    summary:
      'A target port is a number that no container declares; Kubernetes does not need the declaration.',
    remedy: 'If something listens on this port, declare it for the reader; if not, correct the number.',
  },

  // Local policies.
  'internal-traffic-dropped': {
    severity: 'warning',
    summary:
      'Under internalTrafficPolicy Local, this node has no endpoint and drops traffic to the cluster IP.',
    remedy:
      'Run a Pod on every node that has clients, as a DaemonSet does, or use trafficDistribution PreferSameNode, which falls back to other nodes.',
  },
  'external-traffic-dropped': {
    severity: 'warning',
    summary: 'Under externalTrafficPolicy Local, this node has no endpoint and drops traffic from outside.',
    remedy:
      'Send traffic only to nodes with endpoints, or use externalTrafficPolicy Cluster, which hides clients behind the address of the node.',
  },
  'node-without-local-endpoints': {
    severity: 'info',
    summary: 'Under externalTrafficPolicy Local, load balancers should leave this node out.',
    remedy:
      'Have the load balancer ask the health check node port; who sends to nodes directly needs one with an endpoint.',
  },
  'endpoints-without-node': {
    severity: 'warning',
    summary: 'Under a Local policy, endpoints without a nodeName are local nowhere.',
    remedy: 'Give each endpoint its nodeName, or use the Cluster policy.',
  },

  // The node, and how Pods are known.
  'node-unknown': {
    severity: 'warning',
    summary: 'No Node has the name of this node, so no endpoint counts as local.',
    remedy: 'Use the name of the Node object (--node-name here, hostnameOverride for kube-proxy).',
  },
  'cluster-cidr-missing': {
    severity: 'warning',
    summary: 'No range tells which senders are Pods, so Pods are treated like clients outside.',
    remedy: 'Set clusterCIDR to the range of the Pods, or choose another detectLocalMode.',
  },
  'cluster-cidr-one-family': {
    severity: 'warning',
    summary: 'In one IP family of Services, no range tells which senders are Pods.',
    remedy: 'Add a range of this family.',
  },
  'cluster-cidr-foreign': {
    severity: 'warning',
    summary: 'The range of the Pods holds neither the ranges of Nodes nor any endpoint.',
    remedy: 'Set clusterCIDR to the range that Pods get their addresses from.',
  },
  'service-range-unknown': {
    severity: 'warning',
    summary: 'What no Service serves is to be refused, but the range of cluster IPs is unknown.',
    remedy: 'Add the ServiceCIDR objects, or name the range with --service-cluster-ip-range.',
  },
  'service-range-taken': {
    severity: 'warning',
    summary: 'What no Service serves is to be refused, but not in a range that others have addresses of.',
    remedy: 'Correct the ServiceCIDR or --service-cluster-ip-range, or the ranges of the Pods.',
  },

  // Topology.
  'hints-ignored': {
    severity: 'warning',
    summary: 'Topology hints are ignored, since not every ready endpoint has them.',
    remedy: 'Give every ready endpoint its hints, or remove all hints.',
  },
  'hints-for-others': {
    severity: 'info',
    summary: 'No topology hint names this node, so it uses all endpoints.',
    remedy: "Run an endpoint in the node's zone if traffic should stay there.",
  },
  'node-without-zone': {
    severity: 'info',
    summary: 'The node has no zone, so it ignores topology hints and uses all endpoints.',
    remedy: 'Label the Node with topology.kubernetes.io/zone.',
  },
  'topology-keys': {
    severity: 'warning',
    summary: 'Kubernetes removed topologyKeys in v1.22: svc2ipt follows them, kube-proxy does not.',
    remedy:
      'Use trafficDistribution (PreferSameZone, PreferSameNode) or internalTrafficPolicy Local instead.',
  },
  'topology-keys-exclude-node': {
    severity: 'warning',
    summary: 'No endpoint fits the topologyKeys on this node, so its traffic is refused.',
    remedy: 'End the list with "*", which takes any endpoint.',
  },

  // Who may use a Service.
  'source-ranges-bypassed': {
    severity: 'warning',
    summary: 'Source ranges guard load-balancer IPs only; node ports and external IPs are open to everyone.',
    remedy:
      'Set allocateLoadBalancerNodePorts to false and remove node ports and external IPs, or guard those with a firewall.',
  },
  'source-ranges-open': {
    severity: 'warning',
    summary: 'One source range covers all addresses, so the others of its family have no effect.',
    remedy: 'Remove that range, or the others.',
  },
  'source-ranges-everyone': {
    severity: 'info',
    summary: 'The only source range of a family covers all addresses and keeps nobody out.',
    remedy: 'Remove it, which means the same, or name the ranges of permitted clients.',
  },
  'source-ranges-one-family': {
    severity: 'warning',
    summary: 'Source ranges of one family do not guard load-balancer IPs of the other.',
    remedy: 'Add a range of the other family: ::1/128 or 127.0.0.1/32 lets nobody in.',
  },
  'source-ranges-ignored': {
    severity: 'warning',
    summary: 'Source ranges have no effect on a Service that is not of type LoadBalancer.',
    remedy: 'Remove them, or make the type LoadBalancer; otherwise use a firewall or a NetworkPolicy.',
  },

  // Session affinity.
  'affinity-per-node': {
    severity: 'warning',
    summary:
      'Each node remembers clients on its own: through another node, a client may get another endpoint.',
    remedy:
      'Have each client always come through the same node, or keep sessions in the application or at a proxy for HTTP.',
  },
  'affinity-per-port': {
    severity: 'info',
    summary: 'Each service port remembers clients on its own: a client may get another endpoint on each.',
    remedy: 'Put what one client must find together behind one port, or keep sessions in the application.',
  },
  'affinity-list-size': {
    severity: 'info',
    summary:
      'A node remembers 100 clients for each endpoint of a service port, unless xt_recent is loaded with another number.',
    remedy:
      'For more clients, load xt_recent with a larger ip_list_tot on every node before any rule uses it.',
  },
  'affinity-udp': {
    severity: 'info',
    summary: 'Affinity counts only when a flow begins, and a UDP flow ends only by silence.',
    remedy:
      'Have clients use a new source port where they should be assigned anew, or keep sessions in the application.',
  },

  // Addresses and ports.
  'duplicate-cluster-ip': {
    severity: 'error',
    summary: 'Two Services have the same cluster IP.',
    remedy: 'Omit the cluster IP of one, so that the API server chooses it.',
  },
  'duplicate-node-port': {
    severity: 'error',
    summary: 'Two Services have the same node port.',
    remedy: 'Omit the node port of one, so that the API server chooses it.',
  },
  'duplicate-address': {
    severity: 'error',
    summary: 'Two Services claim the same port of an external IP or load-balancer IP.',
    remedy: 'Give one of them another address, or another port.',
  },
  'address-of-other-family': {
    severity: 'warning',
    summary: 'An address of a Service gets no rules, as the Service has no cluster IP of its family.',
    remedy: 'Make the Service dual-stack (ipFamilyPolicy), or remove the address.',
  },
  'host-port-is-node-port': {
    severity: 'warning',
    summary: "A Pod's host port is the node port of a Service.",
    remedy: 'Give one of them another port.',
  },
  'address-is-cluster-ip': {
    severity: 'error',
    summary: 'An external IP or load-balancer IP is the cluster IP of a Service.',
    remedy: 'Use an address outside the service range.',
  },
  'external-ip-is-node-ip': {
    severity: 'warning',
    summary: "An external IP is a node's IP, so every node takes over traffic to it.",
    remedy: 'Use a node port, or an address that no node has.',
  },
  'cluster-ip-outside-range': {
    severity: 'warning',
    summary: 'A cluster IP is not in the service range.',
    remedy: 'Omit the cluster IP, so that the API server chooses one, or correct --service-cluster-ip-range.',
  },
  'endpoint-is-cluster-ip': {
    severity: 'error',
    summary: 'An endpoint is the cluster IP of a Service, where nothing answers.',
    remedy: "Use the addresses of the other Service's endpoints, or a Service of type ExternalName.",
  },
  'endpoint-in-service-range': {
    severity: 'warning',
    summary: 'An endpoint is in the service range, which has only virtual addresses.',
    remedy: 'Use an address that a machine or a Pod has, or correct --service-cluster-ip-range.',
  },

  // EndpointSlices as written by hand.
  'slice-without-service': {
    severity: 'warning',
    summary: 'An EndpointSlice names a Service that does not exist.',
    remedy: 'Correct the label kubernetes.io/service-name or the namespace, or delete the EndpointSlice.',
  },
  'slice-port-without-service-port': {
    severity: 'warning',
    summary: 'A port of an EndpointSlice matches no port of its Service.',
    remedy: 'Use the name and protocol of the service port; the numbers may differ.',
  },
  'slice-without-service-name': {
    severity: 'warning',
    summary: 'An EndpointSlice has no label kubernetes.io/service-name, so it belongs to no Service.',
    remedy: 'Add the label with the name of the Service.',
  },
  'slice-skipped': {
    severity: 'warning',
    summary: 'kube-proxy ignores an EndpointSlice that names a Service.',
    remedy: 'Remove the label, or list the endpoints in an EndpointSlice with IP addresses.',
  },
  'slice-port-ignored': {
    severity: 'warning',
    summary: 'A port of an EndpointSlice has no number, and is ignored.',
    remedy: 'Write the number of the port that the endpoints listen on.',
  },
  'endpoint-addresses-ignored': {
    severity: 'warning',
    summary: 'An endpoint has several addresses, of which only the first is used.',
    remedy: 'List each address as an endpoint of its own.',
  },
  'duplicate-endpoint': {
    severity: 'info',
    summary: 'Two endpoints of a service port have the same address and port, and count as one.',
    remedy: 'List each address once; Pods in the host network of one node need ports of their own.',
  },
  'slice-of-other-family': {
    severity: 'warning',
    summary: 'The Service of an EndpointSlice has no cluster IP of its family.',
    remedy: 'Make the Service dual-stack (ipFamilyPolicy), or give it endpoints of its own family.',
  },

  // Fields without effect.
  'external-policy-ignored': {
    severity: 'warning',
    summary: 'externalTrafficPolicy Local has no effect on a Service that is not reached from outside.',
    remedy: 'Use internalTrafficPolicy for traffic to the cluster IP.',
  },
  'health-check-node-port-ignored': {
    severity: 'warning',
    summary: 'Only Services of type LoadBalancer with externalTrafficPolicy Local have a health check.',
    remedy: 'Remove healthCheckNodePort, or correct type and policy.',
  },
  'headless-field-ignored': {
    severity: 'warning',
    summary: 'A Service without a cluster IP has no rules, and fields that make rules have no effect on it.',
    remedy: 'Remove the field, or give the Service a cluster IP.',
  },
  'mixed-protocols': {
    severity: 'info',
    summary:
      'A Service of type LoadBalancer has ports of several protocols, which not every load balancer can do.',
    remedy: 'Ask the provider, or make a Service for each protocol.',
  },

  // What is no manifest, or none that an API server takes.
  'unknown-field': {
    severity: 'error',
    summary: 'A field is unknown to Kubernetes and has no effect.',
    remedy: 'Correct its name, or remove it: kubectl apply --validate=strict refuses it.',
  },
  'unknown-kind': {
    severity: 'error',
    summary: 'A kind is misspelt, so its object has no effect.',
    remedy: 'Correct the kind: no API server has this one.',
  },
  'wrong-api-version': {
    severity: 'error',
    summary: 'An apiVersion is not the one that Kubernetes 1.36 serves the kind in.',
    remedy: 'Use the expected apiVersion.',
  },
  'invalid-object': {
    severity: 'error',
    summary: 'An object is one that an API server refuses.',
    remedy: 'Correct it: the other rules are checked once everything can be read.',
  },
  'invalid-document': {
    severity: 'error',
    summary: 'A text is not YAML or JSON, or holds no Kubernetes object.',
    remedy: 'Correct it: the other rules are checked once everything can be read.',
  },
  'no-service': {
    severity: 'error',
    summary: 'There is no Service in the input.',
    remedy: 'Name the manifests with the Services.',
  },
} as const satisfies Readonly<Record<string, LintRule>>;
