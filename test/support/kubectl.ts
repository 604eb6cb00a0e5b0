/** The kubectl of this machine. */
import { execaSync } from 'execa';
import { z } from 'zod';

const answer = z.object({ clientVersion: z.object({ minor: z.string() }) });

/** The minor version of kubectl, such as 36; undefined where there is none. */
function minorVersion(): number | undefined {
  const { exitCode, stdout } = execaSync({ reject: false })`kubectl version --client --output json`;
  return exitCode === 0
    ? Number.parseInt(answer.parse(JSON.parse(stdout)).clientVersion.minor, 10)
    : undefined;
}

const MINOR = minorVersion() ?? 0;

/** `kubectl kustomize` is Kustomize v4 or later, where patches have targets. */
export const HAS_KUSTOMIZE = MINOR >= 21;

/** `kubectl exec` and `attach` speak WebSocket without being asked to. */
export const HAS_WEBSOCKET_STREAMS = MINOR >= 31;
