/** What is taken because kube-proxy takes it, and has no effect: nobody should have to find out. */
import { isDeepStrictEqual } from 'node:util';
import { DEFAULT_CONFIGURATION, type KubeProxyConfiguration } from '../../api/kube-proxy-defaults.ts';
import { valueAt } from './field-paths.ts';
import { FLAGS, type Flag, spelled } from './flags.ts';

const NO_WINDOWS = 'svc2ipt does not run on Windows';

/** Why fields have no effect that no flag stands for. */
const ONLY_IN_FILES: readonly (readonly [field: string, why: string])[] = [
  ['clientConnection.acceptContentTypes', 'svc2ipt speaks JSON with the API server'],
  ['nftables', 'svc2ipt has no nftables mode'],
  ['winkernel', NO_WINDOWS],
  ['windowsRunAsService', NO_WINDOWS],
  ['portRange', 'kube-proxy v1.36 ignores it too'],
];

/** Fields of a configuration that have no effect, and why. */
export const FIELDS_WITHOUT_EFFECT: readonly (readonly [field: string, why: string])[] = [
  ...FLAGS.flatMap((flag) =>
    'whyNoEffect' in flag && flag.field !== undefined ? [[flag.field, flag.whyNoEffect] as const] : [],
  ),
  ...ONLY_IN_FILES,
];

/** A flag that was given, and whether it counts beside the configuration file. */
export interface GivenFlag {
  readonly flag: Flag;
  readonly counts: boolean;
}

/** A sentence for each flag that was given in vain, and for each field of a file that asks for something in vain. */
export function warningsOf(
  flags: readonly GivenFlag[],
  file: KubeProxyConfiguration | undefined,
): readonly string[] {
  const manifests = flags.some(({ flag }) => flag.name === 'manifests');
  const ofFlags = flags.flatMap(({ flag, counts }) => {
    const why = whyNot(flag, counts, manifests);
    return why === undefined ? [] : [`${spelled(flag)} has no effect: ${why}`];
  });
  return file ? [...ofFlags, ...warningsOfFile(file)] : ofFlags;
}

function whyNot(flag: Flag, counts: boolean, manifests: boolean): string | undefined {
  if ('whyNoEffect' in flag) return flag.whyNoEffect;
  if (!counts) return 'the file of --config overrides it';
  if (manifests && (flag.name === 'master' || flag.name === 'kubeconfig')) {
    return '--manifests needs no API server';
  }
  return undefined;
}

function warningsOfFile(configuration: KubeProxyConfiguration): string[] {
  return FIELDS_WITHOUT_EFFECT.filter(
    ([field]) => !isDeepStrictEqual(valueAt(configuration, field), valueAt(DEFAULT_CONFIGURATION, field)),
  ).map(([field, why]) => `${field} in the configuration file has no effect: ${why}`);
}
