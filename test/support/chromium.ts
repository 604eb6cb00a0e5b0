/** The browser that tests start. */
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Debian's and others' names of it. */
const NAMES = ['chromium', 'chromium-browser', 'google-chrome'];

/** Where it is; undefined where there is none. */
export const CHROMIUM = (process.env.PATH ?? '')
  .split(delimiter)
  .flatMap((folder) => NAMES.map((name) => join(folder, name)))
  .find(existsSync);
