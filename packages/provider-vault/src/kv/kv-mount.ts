/**
 * Where a KV engine is mounted and which version of it: what every request for a document starts
 * from. The server is asked, as its own command line does; a version that is guessed makes every
 * document look missing, and a write land where no reader looks.
 */
import { type ReadContext, SecretError } from '@keyfall/core/provider';
import type { VaultClient } from '../session/vault-client.ts';
import { abortError } from '../wire/bounds.ts';
import { encodePath } from '../wire/vault-path.ts';

/** What an engine of version 2 is asked for about a document. Version 1 knows the document alone. */
export type KvPart = 'data' | 'metadata' | 'subkeys' | 'delete' | 'undelete' | 'destroy';

/** The engine, with its version. */
export interface KvEngine {
  readonly version: 1 | 2;
  /** Of one document: its path in the API, encoded. */
  encoded(path: string, part?: KvPart): string;
  /** The same as a policy names it. */
  shown(path: string, part?: KvPart): string;
  /** @throws `ERR_SECRET_UNSUPPORTED` for `what` on an engine of version 1: 'keeps no versions' */
  needsVersions(what: string): void;
}

export interface KvMount {
  /** The engine: its version is the option's, else asked once. */
  engine(context: ReadContext): Promise<KvEngine>;
  /**
   * Asks the server once about a version that was given, where nothing was found or it was denied.
   *
   * @throws `ERR_SECRET_CONFIG` if the server says another one
   */
  confirm(context: ReadContext): Promise<void>;
  /**
   * Asks the server again where the version that it said before, `kv`, leads nowhere: versioning can be
   * enabled while we run.
   *
   * @returns whether it is another one now
   */
  hasChanged(kv: 1 | 2, context: ReadContext): Promise<boolean>;
}

export function kvMount(
  { mount, kvVersion }: { readonly mount: string; readonly kvVersion: 1 | 2 | undefined },
  client: VaultClient,
): KvMount {
  const { provider } = client.subject;
  const engines = { 1: kvEngine(1, mount, provider), 2: kvEngine(2, mount, provider) } as const;
  let detected: 1 | 2 | undefined;

  /** Works with any capability under the mount, also without the default policy. */
  async function detect(context: ReadContext): Promise<1 | 2> {
    const outcome = await client.ask(
      {
        verb: 'read',
        path: `sys/internal/ui/mounts/${encodePath(mount)}`,
        ifDenied: `Either its policy allows nothing under the mount ${mount}, or there is no such mount: check the option mount (variable VAULT_MOUNT_POINT). If the server hides its mounts, set the option kvVersion.`,
      },
      context,
    );
    const data = (outcome.kind === 'ok' ? outcome.answer.body?.['data'] : undefined) as
      | { path?: unknown; type?: unknown; options?: { version?: unknown } | null }
      | null
      | undefined;
    const found = String(data?.path ?? '').replace(/\/$/, '');
    if (found === '')
      throw new SecretError(
        'ERR_SECRET_INVALID',
        `the server did not describe the mount ${mount}`,
        { provider, hint: 'Something in between may alter answers: ask the server itself.' },
      );
    const configError = (reason: string, hint: string) =>
      new SecretError('ERR_SECRET_CONFIG', reason, {
        provider,
        hint,
        setting: { option: 'mount', variable: 'VAULT_MOUNT_POINT' },
      });
    if (found !== mount)
      throw configError(
        `${mount} is not a mount but a path under one`,
        'Give the mount as the option mount (VAULT_MOUNT_POINT) and the rest as path (VAULT_SECRET_PATH).',
      );
    if (data?.type !== 'kv' && data?.type !== 'generic')
      throw configError(
        `the mount ${mount} is no KV engine`,
        'Give the mount of one as the option mount (variable VAULT_MOUNT_POINT).',
      );
    return data.options?.version === '2' ? 2 : 1;
  }

  return {
    async engine(context) {
      const version = kvVersion ?? detected;
      if (version !== undefined) return engines[version];
      detected = await detect(context);
      return engines[detected];
    },
    async confirm(context) {
      if (kvVersion === undefined || detected !== undefined) return;
      try {
        detected = await detect(context);
      } catch {
        if (context.signal.aborted) throw abortError(context.signal, provider);
        return; // a policy may well hide it
      }
      if (detected === kvVersion) return;
      detected = undefined;
      throw new SecretError(
        'ERR_SECRET_CONFIG',
        `the mount ${mount} is not of KV version ${kvVersion}`,
        {
          provider,
          setting: { option: 'kvVersion' },
          hint: 'Leave the option kvVersion out to have the server asked.',
        },
      );
    },
    async hasChanged(kv, context) {
      if (kvVersion !== undefined) return false;
      try {
        // another caller may have found out
        if (detected === kv) detected = await detect(context);
      } catch {
        if (context.signal.aborted) throw abortError(context.signal, provider);
      }
      return detected !== kv;
    },
  };
}

function kvEngine(version: 1 | 2, mount: string, provider: string): KvEngine {
  const under = (root: string, path: string, part: KvPart): string =>
    (version === 2 ? [root, part, path] : [root, path]).filter((text) => text !== '').join('/');
  return {
    version,
    encoded: (path, part = 'data') =>
      under(encodePath(mount), path === '' ? '' : encodePath(path), part),
    shown: (path, part = 'data') => under(mount, path, part),
    needsVersions(what) {
      if (version === 2) return;
      throw new SecretError(
        'ERR_SECRET_UNSUPPORTED',
        `the mount ${mount} is of KV version 1, which ${what}`,
        { provider, hint: 'Mount a KV engine of version 2.' },
      );
    },
  };
}

/**
 * @throws `ERR_SECRET_CONFIG` for anything but a whole number of 1 or more: the server answers `0`
 *   and `-1` with the newest version
 */
export function checkVersion(version: number, provider: string): void {
  if (Number.isSafeInteger(version) && version >= 1) return;
  throw new SecretError('ERR_SECRET_CONFIG', 'a version is a whole number of 1 or more', {
    provider,
    hint: 'The history of the document says which there are.',
  });
}
