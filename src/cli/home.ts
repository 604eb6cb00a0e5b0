import { homedir } from 'node:os';

/** The user's home folder; undefined where neither HOME nor the system's list of users names one, as in a bare container. */
export function homeFolder(): string | undefined {
  try {
    return homedir();
  } catch {
    return undefined;
  }
}
