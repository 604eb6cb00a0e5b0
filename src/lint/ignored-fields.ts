/** Fields that are set and have no effect, or not everywhere. */
import type { Service } from '../api/service.ts';
import { enumerate } from '../text/lists.ts';
import type { PlannedEntry } from './context.ts';
import type { Found } from './finding.ts';
import type { RuleCode } from './rules.ts';
import { serviceReference } from './sentences.ts';

export function checkIgnoredFields({ entry: { service } }: PlannedEntry): Found[] {
  if (service.otherProxy) return [];
  const found = (code: RuleCode, field: string, cause: string): Found => ({
    code,
    object: serviceReference(service),
    field,
    cause,
  });
  const { type, externalTrafficPolicy, externalIPs, healthCheckNodePort } = service;
  const balanced = type === 'LoadBalancer' && externalTrafficPolicy === 'Local';
  const external = type !== 'ClusterIP' || externalIPs.length > 0;
  const without = type === 'ExternalName' || service.clusterIPs[0] === 'None';
  const protocols = [...new Set(service.ports.map(({ protocol }) => protocol))];
  return [
    ...(externalTrafficPolicy === 'Local' && !external
      ? [
          found(
            'external-policy-ignored',
            'spec.externalTrafficPolicy',
            'It has type ClusterIP and no external IPs, so externalTrafficPolicy Local applies to no traffic.',
          ),
        ]
      : []),
    ...(healthCheckNodePort !== 0 && !balanced
      ? [
          found(
            'health-check-node-port-ignored',
            'spec.healthCheckNodePort',
            `Its type is ${type} and its externalTrafficPolicy ${externalTrafficPolicy}, so nothing answers on health check node port ${healthCheckNodePort}.`,
          ),
        ]
      : []),
    ...(type === 'LoadBalancer' && protocols.length > 1
      ? [
          found(
            'mixed-protocols',
            'spec.ports',
            `Its ports are for ${enumerate(protocols)}: a load balancer may refuse that, or serve only one of them.`,
          ),
        ]
      : []),
    ...(!without
      ? []
      : fieldsWithoutRules(service).map((field) =>
          found(
            'headless-field-ignored',
            `spec.${field}`,
            `It is ${type === 'ExternalName' ? 'an ExternalName' : 'headless'}: there are no rules that ${field} could change.`,
          ),
        )),
  ];
}

function fieldsWithoutRules(service: Service): string[] {
  return [
    ...(service.externalIPs.length > 0 ? ['externalIPs'] : []),
    ...(service.sessionAffinitySeconds !== undefined ? ['sessionAffinity'] : []),
    ...(service.internalTrafficPolicy === 'Local' ? ['internalTrafficPolicy'] : []),
    ...(service.trafficDistribution !== undefined ? ['trafficDistribution'] : []),
    ...(service.topologyKeys.length > 0 ? ['topologyKeys'] : []),
  ];
}
