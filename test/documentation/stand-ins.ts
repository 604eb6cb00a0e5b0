/**
 * Programs that stand for a cluster, a chart and a machine that are not there. They answer exactly the calls that pages
 * make, and fail for any other.
 */
import { join } from 'node:path';

const SAMPLE = join(import.meta.dirname, '..', '..', 'fixtures', 'sample', 'objects.yaml');

/** How a stand-in complains of any other call. */
export const NOTHING_STANDS_FOR = 'nothing stands for this call:';

/** Scripts of sh, by the name of the program. */
export const STAND_INS: Readonly<Record<string, string>> = {
  // The cluster is that of fixtures/sample.
  kubectl: answering({
    'get svc,endpointslices,nodes -A -o yaml': `cat '${SAMPLE}'`,
    'get services,endpointslices,nodes -A -o yaml': `cat '${SAMPLE}'`,
  }),
  helm: answering({
    'template ./chart': `cat '${SAMPLE}'`,
    'template shop ./chart': `cat '${SAMPLE}'`,
  }),
  // The other machine is this one.
  ssh: answering({ 'node1 iptables-save': 'iptables-save' }),
};

function answering(calls: Readonly<Record<string, string>>): string {
  const cases = Object.entries(calls).map(([call, answer]) => `'${call}') exec ${answer} ;;`);
  return ['case "$*" in', ...cases, 'esac', `echo "${NOTHING_STANDS_FOR} $0 $*" >&2`, 'exit 1'].join('\n');
}
