import { existsSync } from 'node:fs';

/** The Python of the system, where there is one: the first that PATH has may be a script that takes a second to find it. */
export const PYTHON = existsSync('/usr/bin/python3') ? '/usr/bin/python3' : 'python3';
