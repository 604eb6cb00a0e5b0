/**
 * Programs that stand for a cluster, a chart and a machine that are not there. They answer exactly the calls that pages
 * make, and fail for any other.
 */
import { join } from 'node:path';

const SAMPLE = join(import.meta.dirname, '../../..', 'fixtures', 'sample');
const OBJECTS = `cat '${SAMPLE}/objects.yaml'`;

/**
 * The rules of a node that is there only for the answer: of the manifests that the page has, or of fixtures/sample. Needs
 * root.
 */
const SAVED_RULES = `unshare --net sh -c '
  if [ -d ~/manifests ]; then set -- -f ~/manifests
  else set -- -f ${SAMPLE}/objects.yaml --config ${SAMPLE}/config.yaml --host ${SAMPLE}/host.yaml
  fi
  svc2ipt apply "$@" >/dev/null && iptables-save
'`;

/** How a stand-in complains of any other call. */
export const NOTHING_STANDS_FOR = 'nothing stands for this call:';

/** Scripts of sh, by the name of the program. */
export const STAND_INS: Readonly<Record<string, string>> = {
  // The cluster is that of fixtures/sample.
  kubectl: answering({
    'get svc,endpointslices,nodes -A -o yaml': OBJECTS,
    'get services,endpointslices,nodes -A -o yaml': OBJECTS,
  }),
  helm: answering({
    'template ./chart': OBJECTS,
    'template shop ./chart': OBJECTS,
  }),
  ssh: answering({ 'node1 iptables-save': SAVED_RULES }),
};

function answering(calls: Readonly<Record<string, string>>): string {
  const cases = Object.entries(calls).map(([call, answer]) => `'${call}') exec ${answer} ;;`);
  return ['case "$*" in', ...cases, 'esac', `echo "${NOTHING_STANDS_FOR} $0 $*" >&2`, 'exit 1'].join('\n');
}
