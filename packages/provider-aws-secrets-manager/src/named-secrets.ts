/**
 * One secret a name: `TOKEN` is the secret `<prefix>TOKEN`.
 */
import { randomUUID } from 'node:crypto';
import { isSecretError, SecretError } from '@keyfall/core';
import {
  pollForChanges,
  type ReadContext,
  type SecretBatch,
  type SecretProvider,
  type SecretRecord,
} from '@keyfall/core/provider';
import { checked } from './checked.ts';
import { eachPage, type Page } from './each-page.ts';
import { inTurns } from './in-turns.ts';
import { versionsOf } from './json-bag.ts';
import {
  type CallBounds,
  judge,
  type SecretsManagerCalls,
  stampedBounds,
} from './secrets-manager-calls.ts';
import { currentStage, type StoreSettings } from './store-settings.ts';

/** What a secret may be called (API reference, CreateSecret). */
const possibleName = /^[A-Za-z0-9/_+=.@-]{1,512}$/;

/** Secrets in one BatchGetSecretValue at the most (its API reference). */
const batchSize = 20;

/** Bytes of a secret's text at the most. */
const sizeLimit = 65_536;

/** How far back a list may be, in milliseconds (API reference, ListSecrets). */
const listLag = 5 * 60_000;

/** What a secret holds, as the SDK gives it. */
interface Held {
  readonly SecretString?: string | undefined;
  readonly SecretBinary?: Uint8Array | undefined;
  readonly VersionId?: string | undefined;
  readonly CreatedDate?: Date | undefined;
}

export function namedSecrets(
  calls: SecretsManagerCalls,
  prefix: string,
  settings: StoreSettings,
): SecretProvider {
  const { name: provider, store, place, versionStage } = settings;
  /** A policy may allow the one request and not the other: found out once. */
  let mayBatch = versionStage === currentStage; // a batch has no choice of versions

  /** When a name was written here: a list may not show it yet. */
  const recent = new Map<string, number>();
  function written(): string[] {
    for (const [name, at] of recent) if (performance.now() - at > listLag) recent.delete(name);
    return [...recent.keys()];
  }

  const unsupported = (secretName: string, what: string, hint: string) =>
    new SecretError('ERR_SECRET_UNSUPPORTED', `${secretName} ${what}`, {
      provider,
      secretName,
      hint,
      applied: 'no',
    });

  /** What stands for one name: `undefined` for what is not there. */
  async function readOne(
    name: string,
    context: CallBounds,
    which: { readonly VersionStage: string } | { readonly VersionId: string },
  ): Promise<SecretRecord | SecretError | undefined> {
    try {
      const reply = await calls.call(context, ({ client, sdk, options, stamping }) =>
        client.send(
          stamping(new sdk.GetSecretValueCommand({ SecretId: prefix + name, ...which })),
          options,
        ),
      );
      if (!reply.exception) return recordOf(name, reply.output);
      if (reply.exception === 'not-found' || reply.exception === 'deleted') return undefined;
      throw reply.error;
    } catch (error) {
      if (concernsOneName(error)) return error.with({ secretName: name });
      throw error;
    }
  }

  /** @returns the names that it told nothing of, as an answer by pages does, or could not: they are not missing yet */
  async function readBatch(
    names: readonly string[],
    context: CallBounds,
    entries: Map<string, SecretRecord | SecretError>,
  ): Promise<readonly string[]> {
    const reply = await calls.call(context, ({ client, sdk, options, stamping }) =>
      client.send(
        stamping(
          new sdk.BatchGetSecretValueCommand({ SecretIdList: names.map((name) => prefix + name) }),
        ),
        options,
      ),
    );
    if (reply.exception) throw reply.error;
    const open = new Set(names);
    for (const held of reply.output.SecretValues ?? []) {
      const name = held.Name?.slice(prefix.length) ?? '';
      if (open.delete(name)) entries.set(name, recordOf(name, held));
    }
    for (const { SecretId = '', ErrorCode = '', Message = '' } of reply.output.Errors ?? []) {
      const name = SecretId.slice(prefix.length);
      if (!open.has(name)) continue;
      const thrown = { name: ErrorCode, message: Message };
      const subject = { provider, subject: `the secret ${SecretId}` };
      const verdict = judge(thrown, subject, context.signal);
      const error = isSecretError(verdict) ? verdict : verdict.error;
      // what failed in the service for this name alone is asked for once more, by itself
      if (isSecretError(error, 'ERR_SECRET_UNAVAILABLE')) continue;
      open.delete(name);
      if (!isSecretError(verdict) && verdict.exception !== 'wrong-parameter') continue;
      if (!concernsOneName(error)) throw error;
      entries.set(name, error.with({ secretName: name }));
    }
    return [...open];
  }

  async function readNames(
    names: readonly string[],
    context: CallBounds,
  ): Promise<Map<string, SecretRecord | SecretError>> {
    const entries = new Map<string, SecretRecord | SecretError>();
    // what no secret can be called is not there, and is not asked for
    const possible = names.filter((name) => possibleName.test(prefix + name));
    const outage = createOutage();
    const readAlone = (some: readonly string[]) =>
      inTurns(some, (name) =>
        outage.meet([name], async () => {
          const entry = await readOne(name, context, { VersionStage: versionStage });
          if (entry) entries.set(name, entry);
        }),
      );
    const answers = () => {
      // what was answered is answered, whatever the store could not say of others
      for (const [name, error] of outage.failed())
        entries.set(name, error.with({ secretName: name }));
      return entries;
    };
    if (possible.length === 1 || !mayBatch) {
      await readAlone(possible);
      return answers();
    }
    const batches: string[][] = [];
    for (let start = 0; start < possible.length; start += batchSize)
      batches.push(possible.slice(start, start + batchSize));
    const alone: string[] = [];
    await inTurns(batches, (batch) =>
      outage.meet(batch, async () => {
        try {
          alone.push(...(await readBatch(batch, context, entries)));
        } catch (error) {
          if (!isSecretError(error, 'ERR_SECRET_DENIED')) throw error;
          mayBatch = false;
          alone.push(...batch);
        }
      }),
    );
    await readAlone(alone);
    return answers();
  }

  async function list(context: CallBounds): Promise<string[]> {
    return (await listed(context)).map(({ name }) => name);
  }

  async function listed(context: CallBounds): Promise<{ name: string; state: string }[]> {
    const found: { name: string; state: string }[] = [];
    const pageAt = async (NextToken: string | undefined): Promise<Page> => {
      const reply = await calls.call(context, ({ client, sdk, options, stamping }) =>
        client.send(
          stamping(
            new sdk.ListSecretsCommand({
              MaxResults: 100,
              ...(prefix !== '' && { Filters: [{ Key: 'name', Values: [prefix] }] }),
              ...(NextToken && { NextToken }),
            }),
          ),
          options,
        ),
      );
      if (reply.exception) throw reply.error;
      const { SecretList } = reply.output;
      if (!SecretList)
        throw new SecretError('ERR_SECRET_INVALID', 'the answer holds no list of secrets', {
          provider,
          hint: 'Something else than Secrets Manager may answer at the endpoint.',
        });
      for (const secret of SecretList) {
        const { Name = '', DeletedDate, LastChangedDate, SecretVersionsToStages = {} } = secret;
        // the filter takes "-name" for "not", and other cases too
        if (!Name.startsWith(prefix) || Name === prefix || DeletedDate) continue;
        const version = Object.entries(SecretVersionsToStages).find(([, stages]) =>
          stages.includes(versionStage),
        );
        const state = version?.[0] ?? String(LastChangedDate?.getTime());
        found.push({ name: Name.slice(prefix.length), state });
      }
      return { ids: SecretList.map(({ Name = '' }) => Name), next: reply.output.NextToken };
    };
    await eachPage(pageAt, 'the list of secrets', provider);
    return found;
  }

  async function read(
    names: readonly string[] | 'all',
    context: ReadContext,
  ): Promise<SecretBatch> {
    const { bounds, stamped } = stampedBounds(context);
    const wanted = names === 'all' ? new Set([...(await list(bounds)), ...written()]) : names;
    const entries = await readNames([...wanted], bounds);
    return { entries, complete: names === 'all', ...stamped() };
  }

  function assertPossible(name: string, value: string | null): void {
    if (!possibleName.test(prefix + name))
      throw unsupported(
        name,
        'is no name that AWS takes for a secret',
        'Use ASCII letters, digits and /_+=.@- alone, 512 at the most.',
      );
    if (value === '')
      throw unsupported(name, 'cannot be empty here', 'AWS takes no secret without content.');
    if (value?.isWellFormed() === false)
      throw unsupported(name, 'holds half a character', 'Secrets Manager stores UTF-8.');
    const size = Buffer.byteLength(value ?? '');
    if (size > sizeLimit)
      throw unsupported(
        name,
        `has ${size} bytes, of ${sizeLimit} that AWS takes, and was not written`,
        'Keep it elsewhere.',
      );
  }

  async function writeOne(
    name: string,
    value: string | null,
    context: ReadContext,
  ): Promise<string | undefined> {
    const SecretId = prefix + name;
    if (value === null) {
      const reply = await calls.change(context, ({ client, sdk, options }) =>
        client.send(new sdk.DeleteSecretCommand({ SecretId }), options),
      );
      if (reply.exception === 'wrong-parameter' || reply.exception === 'exists') throw reply.error;
      recent.set(name, performance.now());
      return undefined;
    }
    const ClientRequestToken = randomUUID();
    const put = () =>
      calls.change(context, ({ client, sdk, options }) =>
        client.send(
          new sdk.PutSecretValueCommand({ SecretId, SecretString: value, ClientRequestToken }),
          options,
        ),
      );
    let reply = await put();
    if (reply.exception === 'deleted') {
      const restored = await calls.change(context, ({ client, sdk, options }) =>
        client.send(new sdk.RestoreSecretCommand({ SecretId }), options),
      );
      if (restored.exception) throw restored.error;
      // the secret is there again, with what it held: it is not as it was
      reply = await put().catch((error) => {
        throw afterAnother(error);
      });
    }
    if (reply.exception === 'not-found') {
      const created = await calls.change(context, ({ client, sdk, options }) =>
        client.send(
          new sdk.CreateSecretCommand({ Name: SecretId, SecretString: value, ClientRequestToken }),
          options,
        ),
      );
      // somebody else was first: now it can be written
      reply = created.exception === 'exists' ? await put() : created;
    }
    if (reply.exception) throw reply.error;
    recent.set(name, performance.now());
    return reply.output.VersionId;
  }

  async function write(
    { entries, ifRevision }: Parameters<NonNullable<SecretProvider['write']>>[0],
    context: ReadContext,
  ) {
    if (ifRevision !== undefined)
      throw new SecretError(
        'ERR_SECRET_UNSUPPORTED',
        'a write of several secrets cannot depend on a revision',
        { provider, applied: 'no', hint: 'Use one JSON secret, with the option secretId.' },
      );
    for (const [name, value] of entries) assertPossible(name, value);
    const written: string[] = [];
    let version: string | undefined;
    for (const [name, value] of entries)
      try {
        version = await writeOne(name, value, context);
        written.push(name);
      } catch (error) {
        if (!isSecretError(error)) throw error;
        const done = written.length === 0 ? 'nothing else was' : `${written.join(', ')} was`;
        const { code, reason, applied = 'no' } = error;
        const what = applied === 'no' ? 'was not written' : 'may have been written or not';
        throw new SecretError(code, `${name} ${what}, ${done}: ${reason}`, {
          ...error,
          secretName: name,
          applied: written.length > 0 ? 'unknown' : applied,
        });
      }
    return {
      conditional: false,
      ...(version !== undefined && entries.size === 1 && { version }),
    };
  }

  return {
    name: provider,
    store,
    place,
    atomicity: 'name',
    conditionalWrites: 'never',
    read,
    list,
    ...(versionStage === currentStage && { write }),
    async history(name, context) {
      const versions = await versionsOf(calls, prefix + name, provider, context);
      return versions.map(({ id, createdAt, isCurrent }) => ({
        version: id,
        ...(createdAt !== undefined && { createdAt }),
        state: isCurrent ? 'current' : 'previous',
        held: true,
      }));
    },
    async readVersion(name, version, context) {
      const entry = await readOne(name, context, { VersionId: version });
      if (isSecretError(entry)) throw entry;
      return entry;
    },
    check: (context) =>
      checked('secrets', async () => {
        const { length } = await list(context);
        const message = `${length} secrets begin with ${prefix || 'anything'}`;
        if (length > 0) return { state: 'ready', message };
        const hint = 'Check the option prefix and the region.';
        return { state: 'failing', message, hint, code: 'no-secrets' };
      }),
    watch: (onChange, signal) =>
      pollForChanges(async (context) => JSON.stringify(await listed(context)), onChange, signal, {
        provider,
        interval: settings.pollInterval,
      }),
    async close() {
      calls.close();
    },
  };

  function recordOf(
    secretName: string,
    { SecretString, SecretBinary, VersionId, CreatedDate }: Held,
  ): SecretRecord | SecretError {
    if (SecretString === undefined && SecretBinary === undefined)
      return new SecretError('ERR_SECRET_INVALID', `the answer for ${secretName} has no content`, {
        provider,
        secretName,
        hint: 'Something else than Secrets Manager may answer at the endpoint.',
      });
    return {
      // bytes have their base64 for text (RFC 4648, 4)
      value: SecretString ?? Buffer.from(SecretBinary ?? []).toString('base64'),
      ...(VersionId !== undefined && { version: VersionId }),
      ...(CreatedDate !== undefined && { createdAt: CreatedDate.getTime() }),
    };
  }
}

/** How many requests may find the store out of service before it is asked no more. */
const mostFailures = 3;

/** Of many requests, those that found the store out of service: the names that leaves, if not all. */
function createOutage() {
  const failed = new Map<string, SecretError>();
  const failures: SecretError[] = [];
  let answers = 0;
  return {
    /** Makes a request for these names, unless the store is out of service. */
    async meet(names: readonly string[], request: () => Promise<void>): Promise<void> {
      // without a status there was no answer at all, and there will be none for the next
      let error = failures.find(({ storeStatus: status }) => status === undefined);
      if (failures.length >= mostFailures) error ??= failures.at(-1);
      if (error === undefined)
        try {
          await request();
          answers += 1;
          return;
        } catch (thrown) {
          if (!isSecretError(thrown, 'ERR_SECRET_UNAVAILABLE')) throw thrown;
          failures.push(thrown);
          error = thrown;
        }
      for (const name of names) failed.set(name, error);
    },
    /**
     * The names that were not answered, and why.
     *
     * @throws why, if no request was answered
     */
    failed(): ReadonlyMap<string, SecretError> {
      const [first] = failures;
      if (first !== undefined && answers === 0) throw first;
      return failed;
    },
  };
}

/** The error of a change after which another one had been made: all in all it is not as it was. */
function afterAnother(error: unknown): unknown {
  return isSecretError(error) ? error.with({ applied: 'unknown' }) : error;
}

/** Whether other names may be answered all the same. */
function concernsOneName(error: unknown): error is SecretError {
  return isSecretError(error, 'ERR_SECRET_DENIED') || isSecretError(error, 'ERR_SECRET_INVALID');
}
