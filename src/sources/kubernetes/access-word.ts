/** The word by which a single executable is told to be the process that reads credentials (src/cli/executable.ts). */
export const ACCESS_PROCESS = '__access-process';
