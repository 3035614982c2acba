/**
 * What the processes of a soak say to each other. A value never leaves the process that has read it: its digest does.
 */
import { createHash } from 'node:crypto';
import type { Announcement, Observation, Rule } from './oracle.ts';

/** What a process that reads is started with, as JSON in the variable `SOAK`. */
export interface ReaderSettings {
  readonly id: string;
  /** Of the server, through the line that is broken at times. */
  readonly address: string;
  readonly mount: string;
  readonly path: string;
  /** A document that the role may not read. */
  readonly forbiddenPath: string;
  readonly roleId: string;
  readonly secretId: string;
  readonly sopsFile: string;
  readonly ageKeyFile: string;
  readonly dotenvFile: string;
  readonly ttl: number;
  readonly staleIfError: number;
  readonly names: Names;
  /** What every value begins with, and nothing else has in it. */
  readonly marker: string;
  /** A fault of ours, to see whether it is found. */
  readonly plant?: Rule | undefined;
  /** Milliseconds between two looks at the own resources. */
  readonly lookEvery: number;
  /** Of a process that reads once: what it does. */
  readonly task?: Task | undefined;
}

/** What a process that ends without `close` has done before. */
export type Task = 'get' | 'many' | 'view' | 'watch' | 'close-early' | 'wrapped';

/** The names of a run, by where they are. */
export interface Names {
  /** In every store, with values of their own. Rotated in the first. */
  readonly everywhere: readonly string[];
  /** In every store, and to be taken from the first alone. */
  readonly bound: string;
  readonly vaultOnly: string;
  readonly sopsOnly: string;
  readonly dotenvOnly: string;
  /** In the first store, at times. */
  readonly comesAndGoes: string;
  /** In the first store, rotated seldom, for programs that are restarted then. */
  readonly seldom: string;
  readonly nowhere: string;
}

/** The names of all runs. */
export const names: Names = {
  everywhere: ['DB_PASS', 'API_KEY', 'SMTP_PASS', 'TOKEN'],
  bound: 'SIGNING_KEY',
  vaultOnly: 'ROOT_KEY',
  sopsOnly: 'LICENCE',
  dotenvOnly: 'PAGE_KEY',
  comesAndGoes: 'INVITE',
  seldom: 'SESSION_KEY',
  nowhere: 'NEVER_SET',
};

/** One thing that a reader reports, in the order of time. */
export type Report =
  | { readonly kind: 'observed'; readonly chain: string; readonly observation: Observation }
  | { readonly kind: 'announced'; readonly chain: string; readonly announcement: Announcement };

/** What a reader sends. */
export type FromReader =
  | { readonly kind: 'reports'; readonly reports: readonly Report[]; readonly gets: number }
  | { readonly kind: 'leak'; readonly where: string }
  | ({ readonly kind: 'state'; readonly at: number } & ReaderState);

/** What a reader holds, after a collection of garbage. */
export interface ReaderState {
  readonly heap: number;
  /** By kind. */
  readonly handles: Readonly<Record<string, number>>;
  readonly listeners: number;
}

/** What a reader is sent. */
export type ToReader =
  /** The wall clock is set. */
  | { readonly kind: 'clock'; readonly by: number }
  /** Ends all that it does, and lets the process end by itself. */
  | { readonly kind: 'finish'; readonly close: boolean };

/** What stands for a value. */
export function digestOf(value: string): string {
  return createHash('sha256').update(value).digest('hex').slice(0, 24);
}

/** The clock that all processes share, in milliseconds. */
export function now(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
