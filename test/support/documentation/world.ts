/** What a page finds where it runs. */
import type { ApiObject } from '../api-server/fake-api-server.ts';

export interface World {
  /** Of the node, where there is a kernel. */
  readonly hostname: string;
  /** Texts of files by their paths; those that do not begin with `/` are in the page's own folder. */
  readonly files: Readonly<Record<string, string>>;
  /** Commands that make the world ready. */
  readonly before: readonly string[];
  /** What the API server of the cluster has; undefined where there is none. */
  readonly objects: readonly ApiObject[] | undefined;
}

/** Stands in files for the address of the API server, which is known only when there is one. */
export const API_SERVER = 'http://api-server.invalid';
