/**
 * What KV version 2 keeps about a document besides its content: its versions, its settings and what
 * its owners noted about it.
 */
import { type ReadContext, SecretError, type SecretVersion } from '@keyfall/core/provider';
import type { VaultClient } from '../session/vault-client.ts';
import type { KvEngine } from './kv-mount.ts';

/** One version of a document. */
export interface VaultVersion {
  readonly version: number;
  /** Milliseconds since the epoch. */
  readonly createdAt: number | undefined;
  /**
   * When it was deleted, or, if that is yet to come, will be (`deleteVersionAfter`), in milliseconds
   * since the epoch.
   */
  readonly deletedAt: number | undefined;
  /** `current`, `previous`, `deleted` (can be brought back) or `destroyed` (cannot). */
  readonly state: SecretVersion['state'];
}

/** What the engine keeps about a document. */
export interface VaultMetadata {
  /** `0`: there are notes about it, and it was never written. */
  readonly currentVersion: number;
  /** Those that the engine still knows, newest first. */
  readonly versions: readonly VaultVersion[];
  /** What its owners noted. */
  readonly custom: Readonly<Record<string, string>>;
  /** How many versions are kept. `0`: as many as the mount says. */
  readonly maxVersions: number;
  /** Whether every write must name the version that it is made from. */
  readonly casRequired: boolean;
  /** How long after it is written a version is deleted, as the server writes it: `0s` is never. */
  readonly deleteVersionAfter: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number | undefined;
  /** Milliseconds since the epoch. */
  readonly updatedAt: number | undefined;
}

/** Asks for the metadata of a document. `undefined`: there is none. */
export async function readMetadata(
  client: VaultClient,
  engine: KvEngine,
  path: string,
  place: string,
  context: ReadContext,
): Promise<VaultMetadata | undefined> {
  const outcome = await client.ask(
    {
      verb: 'read',
      path: engine.encoded(path, 'metadata'),
      place,
      ifDenied: `Its policy needs the capability "read" on ${engine.shown(path, 'metadata')}.`,
    },
    context,
  );
  if (outcome.kind === 'missing') return undefined;
  const metadata =
    outcome.kind === 'ok' ? metadataOf(outcome.answer.body?.['data'] as RawMetadata) : undefined;
  if (metadata) return metadata;
  throw new SecretError('ERR_SECRET_INVALID', `the answer about ${place} is not Vault's`, {
    provider: client.subject.provider,
  });
}

type RawMetadata = Readonly<Record<string, unknown>> | null | undefined;

function metadataOf(data: RawMetadata): VaultMetadata | undefined {
  const currentVersion = data?.['current_version'];
  if (typeof currentVersion !== 'number') return undefined;
  const raw = (data?.['versions'] ?? {}) as Readonly<Record<string, VersionFacts | null>>;
  const versions = Object.entries(raw)
    .map(([number, facts]) => versionOf(Number(number), facts ?? {}, currentVersion))
    .sort((one, other) => other.version - one.version);
  const { max_versions: max, cas_required: cas, delete_version_after: after } = data ?? {};
  const custom = Object.entries((data?.['custom_metadata'] ?? {}) as Record<string, string>);
  return {
    currentVersion,
    versions,
    custom: Object.freeze(Object.assign(Object.create(null), Object.fromEntries(custom))),
    maxVersions: typeof max === 'number' ? max : 0,
    casRequired: cas === true,
    deleteVersionAfter: typeof after === 'string' ? after : '0s',
    createdAt: momentOf(data?.['created_time']),
    updatedAt: momentOf(data?.['updated_time']),
  };
}

interface VersionFacts {
  readonly created_time?: unknown;
  readonly deletion_time?: unknown;
  readonly destroyed?: unknown;
}

function versionOf(version: number, facts: VersionFacts, current: number): VaultVersion {
  const deletedAt = momentOf(facts.deletion_time);
  // a time to come is the engine's delete_version_after: until then the version is live
  const isGone = deletedAt !== undefined && deletedAt <= Date.now();
  const live = version === current ? 'current' : 'previous';
  return {
    version,
    createdAt: momentOf(facts.created_time),
    deletedAt,
    state: facts.destroyed === true ? 'destroyed' : isGone ? 'deleted' : live,
  };
}

/** RFC 3339, as Go writes it, in milliseconds since the epoch. */
export function momentOf(time: unknown): number | undefined {
  const moment = typeof time === 'string' ? Date.parse(time) : Number.NaN;
  return Number.isNaN(moment) ? undefined : moment;
}
