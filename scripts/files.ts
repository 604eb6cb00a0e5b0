/** Files of a release: the same bytes for the same contents, on whatever machine they are made. */
import { createReadStream, createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { execa } from 'execa';

/**
 * Writes a tar of files: sorted, of root, and all with one time.
 * @param epoch seconds, as in SOURCE_DATE_EPOCH
 * @param more further arguments of GNU tar, such as the files' names
 */
export async function writeTar(
  tar: string,
  {
    folder,
    epoch,
    more,
  }: { readonly folder: string; readonly epoch: string; readonly more: readonly string[] },
): Promise<void> {
  const same = [
    '--sort=name',
    `--mtime=@${epoch}`,
    '--owner=0',
    '--group=0',
    '--numeric-owner',
    '--format=gnu',
  ];
  await execa('tar', [...same, '-C', folder, '-cf', tar, ...more]);
}

/** Compresses a file by zlib, as gzip does, without its name and time, and removes it. */
export async function gzip(from: string, to: string): Promise<void> {
  await pipeline(createReadStream(from), createGzip({ level: 9 }), createWriteStream(to));
  await rm(from);
}
