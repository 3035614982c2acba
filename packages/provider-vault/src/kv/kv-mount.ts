/**
 * Where a KV engine is mounted and which version of it: what every request for a document starts
 * from. The server is asked, as its own command line does; a version that is guessed makes every
 * document look missing, and a write land where nobody looks.
 */
import { SecretError } from '@keyfall/core';
import type { ReadContext } from '@keyfall/core/provider';
import type { VaultClient } from '../session/vault-client.ts';
import type { VaultSettings } from '../settings/vault-settings.ts';
import { abortError } from '../wire/aborting.ts';
import { encodePath } from '../wire/vault-path.ts';

/** What an engine of version 2 is asked for about a document. Version 1 knows the document alone. */
export type KvPart = 'data' | 'metadata' | 'subkeys' | 'delete' | 'undelete' | 'destroy';

export interface KvMount {
  /** The engine's version: the option's, else asked once. */
  version(context: ReadContext): Promise<1 | 2>;
  /**
   * Asks the server once about a version that was given, where nothing was found or it was denied.
   *
   * @throws `ERR_SECRET_CONFIG` if the server says another one
   */
  confirm(context: ReadContext): Promise<void>;
  /**
   * Asks the server anew where the version that it told before, `kv`, leads nowhere: versioning can be
   * enabled while we run.
   *
   * @returns whether it is another one now
   */
  hasChanged(kv: 1 | 2, context: ReadContext): Promise<boolean>;
  /** The API path of a document, encoded. */
  encoded(kv: 1 | 2, path: string, part?: KvPart): string;
  /** The same as a policy names it. */
  shown(kv: 1 | 2, path: string, part?: KvPart): string;
}

export function kvMount(
  { name: provider, mount, kvVersion }: VaultSettings,
  client: VaultClient,
): KvMount {
  const encodedMount = encodePath(mount);
  let detected: 1 | 2 | undefined;

  /** Works with any capability under the mount, also without the default policy. */
  async function detect(context: ReadContext): Promise<1 | 2> {
    const outcome = await client.ask(
      {
        verb: 'read',
        path: `sys/internal/ui/mounts/${encodedMount}`,
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
    const wrongMount = (reason: string, hint: string) =>
      new SecretError('ERR_SECRET_CONFIG', reason, { provider, hint });
    if (found !== mount)
      throw wrongMount(
        `${mount} is not a mount but a path under one`,
        'Give the mount as the option mount (VAULT_MOUNT_POINT) and the rest as path (VAULT_SECRET_PATH).',
      );
    if (data?.type !== 'kv' && data?.type !== 'generic')
      throw wrongMount(
        `the mount ${mount} is no KV engine`,
        'Give the mount of one as the option mount (variable VAULT_MOUNT_POINT).',
      );
    return data.options?.version === '2' ? 2 : 1;
  }

  function under(kv: 1 | 2, root: string, path: string, part: KvPart): string {
    const parts = kv === 2 ? [root, part, path] : [root, path];
    return parts.filter((text) => text !== '').join('/');
  }

  return {
    async version(context) {
      if (kvVersion !== undefined) return kvVersion;
      detected ??= await detect(context);
      return detected;
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
        { provider, hint: 'Leave the option kvVersion out to have the server asked.' },
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
    encoded: (kv, path, part = 'data') =>
      under(kv, encodedMount, path === '' ? '' : encodePath(path), part),
    shown: (kv, path, part = 'data') => under(kv, mount, path, part),
  };
}

/**
 * @throws `ERR_SECRET_UNSUPPORTED` for `what` on an engine of version 1
 */
export function needsVersions(
  kv: 1 | 2,
  { name: provider, mount }: VaultSettings,
  what: string,
): void {
  if (kv === 2) return;
  throw new SecretError(
    'ERR_SECRET_UNSUPPORTED',
    `the mount ${mount} is of KV version 1, which ${what}`,
    { provider, hint: 'Mount a KV engine of version 2.' },
  );
}

/**
 * @throws `ERR_SECRET_CONFIG` for anything but a whole number of 1 or more: the server answers `0`
 *   and `-1` with the newest version
 */
export function checkVersion(version: number, provider: string): void {
  if (Number.isSafeInteger(version) && version >= 1) return;
  throw new SecretError('ERR_SECRET_CONFIG', 'a version is a whole number of 1 or more', {
    provider,
    hint: 'The history of the document tells which there are.',
  });
}
