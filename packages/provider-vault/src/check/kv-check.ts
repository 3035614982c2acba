/**
 * What `doctor` shows of a document: whether it is there, what the token may do with it, and what was
 * probably meant if it is not.
 */
import {
  isSecretError,
  nearNames,
  type ProviderCheck,
  type ReadContext,
} from '@keyfall/core/provider';
import { kvDocument } from '../kv/kv-document.ts';
import { listFolder } from '../kv/kv-listing.ts';
import type { KvEngine } from '../kv/kv-mount.ts';
import type { VaultClient } from '../session/vault-client.ts';
import { type CheckedVault, failing, mayNotAsk, rule } from './check-lines.ts';

/** What a token may be allowed besides reading, and what it takes. */
const rights: readonly {
  readonly what: string;
  readonly part: 'data' | 'metadata';
  readonly capabilities: readonly string[];
  /** Version 1 has no such thing. */
  readonly needsVersions?: true;
}[] = [
  { what: 'write it', part: 'data', capabilities: ['create', 'update'] },
  {
    what: 'change names of it (patch)',
    part: 'data',
    capabilities: ['patch'],
    needsVersions: true,
  },
  {
    what: 'read its history',
    part: 'metadata',
    capabilities: ['read'],
    needsVersions: true,
  },
  { what: 'list what is below it', part: 'metadata', capabilities: ['list'] },
  { what: 'delete it', part: 'data', capabilities: ['delete'] },
];

/** A line about reading the document; for the first one, which is written to, one about the rest. */
export async function checkRights(
  { settings, client, mount }: CheckedVault,
  position: number,
  context: ReadContext,
): Promise<readonly ProviderCheck[]> {
  const subject = 'policy';
  const path = settings.paths[position] ?? '';
  try {
    const engine = await mount.engine(context);
    const data = engine.shown(path);
    const metadata = engine.shown(path, 'metadata');
    const shorter = withoutPrefix(settings.mount, engine, path);
    const meant = shorter === undefined ? data : engine.shown(shorter);
    const outcome = await client.ask(
      {
        verb: 'write',
        path: 'sys/capabilities-self',
        body: JSON.stringify({ paths: [...new Set([data, metadata, meant])] }),
      },
      context,
    );
    const granted = (outcome.kind === 'ok' ? outcome.answer.body?.['data'] : undefined) as
      | Readonly<Record<string, unknown>>
      | null
      | undefined;
    const may = (on: string, capabilities: readonly string[]): boolean => {
      const held = granted?.[on];
      if (!Array.isArray(held)) return false;
      return held.includes('root') || capabilities.every((one) => held.includes(one));
    };
    if (!Array.isArray(granted?.[data]))
      return [
        { subject, state: 'unknown', message: 'the server does not tell what the token may do' },
      ];
    const toRead = rule(data, ['read']);
    const reading: ProviderCheck = may(data, ['read'])
      ? { subject, state: 'ready', message: `the token may read ${data}` }
      : {
          subject,
          state: 'failing',
          message: `the token may not read ${data}`,
          code: 'may-not-read',
          // what it may read instead shows what was meant
          ...(shorter !== undefined && may(meant, ['read'])
            ? { hint: leaveOut(path, shorter), facts: { rule: toRead, meant: shorter } }
            : await readableInstead(client, engine, path, toRead, context)),
        };
    if (position > 0) return [reading];
    const known = rights.filter(({ needsVersions }) => engine.version === 2 || !needsVersions);
    const named = (wanted: boolean) =>
      known
        .filter(
          ({ part, capabilities }) =>
            may(part === 'data' ? data : metadata, capabilities) === wanted,
        )
        .map(({ what }) => what)
        .join(', ');
    const refused = named(false);
    const mayWrite = may(data, ['create', 'update']) || may(data, ['patch']);
    const toWrite = rule(data, ['read', 'create', 'update']);
    return [
      reading,
      {
        subject,
        state: 'ready',
        message: `it may ${named(true) || 'do nothing else with it'}${refused && `; it may not ${refused}`}`,
        ...(mayWrite
          ? {}
          : {
              hint: `To let it write: ${toWrite}`,
              code: 'may-not-write',
              facts: { rule: toWrite },
            }),
      },
    ];
  } catch (error) {
    if (isSecretError(error, 'ERR_SECRET_DENIED')) return [mayNotAsk];
    return [failing(subject, error)];
  }
}

/**
 * What to do about a path that the token may not read. To allow it would be wrong where it is mistyped, which only
 * shows in what the token may read: the server lists that, also to a token that may list no secrets.
 */
async function readableInstead(
  client: VaultClient,
  engine: KvEngine,
  path: string,
  toRead: string,
  context: ReadContext,
): Promise<Pick<ProviderCheck, 'hint' | 'facts'>> {
  const start = `${engine.shown('')}/`;
  const readable = (await pathsAllowed(client, context))
    .filter((allowed) => allowed.startsWith(start))
    .map((allowed) => allowed.slice(start.length));
  if (readable.length === 0) return { hint: toRead, facts: { rule: toRead } };
  const near = nearNames(path, readable);
  const [meant] = near.length > 0 ? near : readable.length === 1 ? readable : [];
  const shown = readable.slice(0, 10).join(', ');
  return {
    hint: `It may read ${shown}: check the path (${setting}). If ${path} is meant, the policy needs: ${toRead}`,
    facts: meant === undefined ? { path } : { path, meant },
  };
}

/** The paths that the token may read by name; none where the server does not tell. */
async function pathsAllowed(client: VaultClient, context: ReadContext): Promise<readonly string[]> {
  try {
    const path = 'sys/internal/ui/resultant-acl';
    const outcome = await client.ask({ verb: 'read', path }, context);
    const data = outcome.kind === 'ok' ? outcome.answer.body?.['data'] : undefined;
    const exact = (data as { exact_paths?: Readonly<Record<string, { capabilities?: unknown }>> })
      ?.exact_paths;
    return Object.entries(exact ?? {})
      .filter(
        ([, { capabilities }]) => Array.isArray(capabilities) && capabilities.includes('read'),
      )
      .map(([allowed]) => allowed);
  } catch {
    return [];
  }
}

/** A line about the document itself. */
export async function checkPath(
  vault: CheckedVault,
  position: number,
  context: ReadContext,
): Promise<ProviderCheck> {
  const subject = 'path';
  const { settings, documents } = vault;
  const document = documents[position];
  const path = settings.paths[position] ?? '';
  const place = document?.place ?? path;
  const failingLine = (
    code: string,
    message: string,
    hint: string,
    facts: Readonly<Record<string, string>> = {},
  ): ProviderCheck => ({
    subject,
    state: 'failing',
    message,
    hint,
    code,
    facts: { mount: settings.mount, path, ...facts },
  });
  try {
    if (!document) return failing(subject, undefined);
    const { exists, entries, members, version, gone } = await document.read(context);
    if (gone?.state === 'deleted')
      return failingLine(
        'document-deleted',
        `version ${gone.version} of ${place} is deleted`,
        `bao kv undelete -mount=${settings.mount} -versions=${gone.version} ${path}`,
        { version: String(gone.version) },
      );
    if (gone)
      return failingLine(
        'document-destroyed',
        `version ${gone.version} of ${place} is destroyed`,
        'Write it: keyfall migrate',
      );
    if (!exists) {
      const { hint, facts } = await meant(vault, path, context);
      return failingLine('document-missing', `nothing is at ${place}`, hint, facts);
    }
    const isWrapped = entries.size === 1 && members.get('data')?.startsWith('{');
    if (version === undefined && isWrapped)
      return failingLine(
        'document-wrapped',
        `${place} has one name, "data", that holds an object: it was written as to KV version 2`,
        `Write the names themselves: bao kv put -mount=${settings.mount} ${path} NAME=value`,
      );
    const nulls = [...entries].filter(([, entry]) => isSecretError(entry)).map(([name]) => name);
    const [first] = nulls;
    if (first !== undefined)
      return failingLine(
        'value-null',
        `${place} holds null under ${nulls.length === 1 ? JSON.stringify(first) : `${nulls.length} names, ${JSON.stringify(first)} among them`}, which is no value`,
        'Store a text under each such name, or delete it: keyfall set NAME',
        { name: first },
      );
    const at = version === undefined ? '' : ` at version ${version}`;
    return {
      subject,
      state: 'ready',
      message: `${place} has ${entries.size} ${entries.size === 1 ? 'name' : 'names'}${at}`,
    };
  } catch (error) {
    // the mount was found: what is left to be wrong in the settings is its version
    const isVersion = isSecretError(error, 'ERR_SECRET_CONFIG');
    return failing(subject, error, isVersion ? 'kv-version-wrong' : undefined);
  }
}

/**
 * The path without what requests get by themselves, where it begins with that as if it were taken from
 * one: the mount, and the `data/` of version 2.
 */
function withoutPrefix(mount: string, { version }: KvEngine, path: string): string | undefined {
  const own = path.startsWith(`${mount}/`) ? path.slice(mount.length + 1) : path;
  const [, rest = own] = (version === 2 && /^(?:data|metadata)\/(.+)$/.exec(own)) || [];
  return rest === path ? undefined : rest;
}

function leaveOut(path: string, rest: string): string {
  return `Leave ${path.slice(0, -rest.length)} out of the path: ${rest}. Requests get it by themselves.`;
}

/** Where a path is said: which of the two counts is not known here. */
const setting = 'option path, variable VAULT_SECRET_PATH';

/** What was probably meant by a path that leads to nothing. */
async function meant(
  { settings, client, mount }: CheckedVault,
  path: string,
  context: ReadContext,
): Promise<{ readonly hint: string; readonly facts?: Readonly<Record<string, string>> }> {
  const write = 'or write it: keyfall migrate';
  const rest = withoutPrefix(settings.mount, await mount.engine(context), path);
  if (rest !== undefined) {
    // a folder may well be called as its mount, but hardly data
    const isCertain = !path.startsWith(`${settings.mount}/`);
    const isThere = async () => (await kvDocument(client, mount, rest).read(context)).exists;
    if (isCertain || (await isThere().catch(() => false)))
      return { hint: leaveOut(path, rest), facts: { meant: rest } };
    return {
      hint: `Leave ${settings.mount}/ out of the path (${setting}), unless a path of that name is meant: the mount is put before it. Then write it: keyfall migrate`,
    };
  }
  const start = path.lastIndexOf('/') + 1;
  const folder = path.slice(0, Math.max(0, start - 1));
  const name = path.slice(start);
  const found: string[] = [];
  try {
    for await (const key of listFolder(
      () => ({ client, mount }),
      folder,
      500,
      (work) => work(context),
    )) {
      found.push(key);
      if (found.length === 5_000) break;
    }
  } catch {
    // it may well not list: then there is no more to say
  }
  if (found.includes(`${name}/`))
    return { hint: `It is a folder: name a document in it (${setting}), ${write}` };
  const near = nearNames(name, found).map((key) => path.slice(0, start) + key);
  const [nearest] = near;
  if (nearest !== undefined)
    return {
      hint: `Did you mean ${near.join(' or ')} (${setting})? Else write it: keyfall migrate`,
      facts: { meant: nearest },
    };
  return { hint: `Check the path (${setting}), ${write}` };
}

/** The KV mounts that the token sees, ten at the most. */
export async function mountsSeen(
  client: VaultClient,
  context: ReadContext,
): Promise<readonly string[]> {
  try {
    const outcome = await client.ask({ verb: 'read', path: 'sys/internal/ui/mounts' }, context);
    const data = outcome.kind === 'ok' ? outcome.answer.body?.['data'] : undefined;
    const mounts = (data as { secret?: Readonly<Record<string, { type?: unknown }>> } | undefined)
      ?.secret;
    return Object.entries(mounts ?? {})
      .filter(([, { type }]) => type === 'kv' || type === 'generic')
      .map(([name]) => name.replace(/\/$/, ''))
      .slice(0, 10);
  } catch {
    return [];
  }
}
