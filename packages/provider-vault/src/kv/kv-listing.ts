/**
 * The documents and folders of a KV engine, page by page: a folder may hold more than one answer
 * should carry.
 */
import { type ReadContext, SecretError } from '@keyfall/core/provider';
import type { VaultClient } from '../session/vault-client.ts';
import type { KvMount } from './kv-mount.ts';

/** Does the work of one page in a context of its own, or in one for all. */
type Bounded = <Result>(work: (context: ReadContext) => Promise<Result>) => Promise<Result>;

/**
 * What a folder holds, in the server's order: `dev`, and `team/` for a folder. Empty for one that
 * holds nothing or is not there. A document whose newest version is deleted is among them.
 *
 * OpenBao sends pages (`after`, `limit`). A server that doesn't know them sends everything at once,
 * which is then the only page.
 *
 * @throws `ERR_SECRET_INVALID` if that is no list, or its pages come again; as `VaultClient.ask`
 */
export async function* listFolder(
  opened: () => { readonly client: VaultClient; readonly mount: KvMount },
  folder: string,
  pageSize: number,
  bounded: Bounded,
): AsyncGenerator<string, void, undefined> {
  const engine = await bounded((context) => opened().mount.engine(context));
  const { client } = opened();
  const shown = engine.shown(folder, 'metadata');
  const asked = new Set<string>();
  for (let after = ''; ; ) {
    const page = `&after=${encodeURIComponent(after)}&limit=${pageSize}`;
    const question = {
      verb: 'read',
      // a GET: not every proxy lets the verb LIST through
      path: `${engine.encoded(folder, 'metadata')}/?list=true${page}`,
      place: folder === '' ? client.subject.mount : `${client.subject.mount}/${folder}`,
      ifDenied: `Its policy needs the capability "list" on ${shown}.`,
    } as const;
    const outcome = await bounded((context) => client.ask(question, context));
    if (outcome.kind === 'missing') return;
    const keys = keysOf(outcome.kind === 'ok' ? outcome.answer.body?.['data'] : undefined);
    if (!Array.isArray(keys) || !keys.every((key) => typeof key === 'string'))
      throw new SecretError('ERR_SECRET_INVALID', `the list of ${shown} is not Vault's`, {
        provider: client.subject.provider,
      });
    if (after !== '' && keys.includes(after)) return; // all at once, again
    yield* keys;
    const last = keys.at(-1);
    if (last === undefined || keys.length !== pageSize) return;
    if (asked.has(last))
      throw new SecretError('ERR_SECRET_INVALID', `the list of ${shown} goes round in a circle`, {
        provider: client.subject.provider,
        hint: 'Something between may answer with pages that it kept.',
      });
    asked.add(last);
    after = last;
  }
}

/**
 * What a list holds. Where nothing is, HashiCorp Vault (1.21) says 404 to a question without
 * parameters that it does not know, and else 200 with a warning of those and no member in `data`.
 */
function keysOf(data: unknown): unknown {
  if (typeof data !== 'object' || data === null) return undefined;
  return Object.keys(data).length === 0 ? [] : (data as { keys?: unknown }).keys;
}
