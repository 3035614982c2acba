/**
 * Reads of one secret a name: in batches where the policy allows it, else one by one.
 */
import { isSecretError, SecretError, type SecretRecord } from '@keyfall/core/provider';
import { classifyError, wrongEndpoint } from '../api/aws-errors.ts';
import { forEachLimited } from '../api/for-each-limited.ts';
import type { CallContext } from '../api/secrets-manager-calls.ts';
import { currentStage } from '../api/store-settings.ts';
import { isPossibleName, type NamedSecretSettings } from './named-secret-settings.ts';
import { createOutageGuard } from './outage.ts';

/** Secrets in one BatchGetSecretValue at most (its API reference). */
const batchSize = 20;

type Entries = Map<string, SecretRecord | SecretError>;

/** What a secret holds, as the SDK returns it. */
interface SecretContent {
  readonly SecretString?: string | undefined;
  readonly SecretBinary?: Uint8Array | undefined;
  readonly VersionId?: string | undefined;
  readonly CreatedDate?: Date | undefined;
}

/** Reads names. */
export interface NameReader {
  /** What the names hold: a name that is absent does not exist. */
  readNames(names: readonly string[], context: CallContext): Promise<Entries>;
  /** One name; `undefined` if it does not exist. */
  readOne(
    name: string,
    context: CallContext,
    which: { readonly VersionStage: string } | { readonly VersionId: string },
  ): Promise<SecretRecord | SecretError | undefined>;
}

export function createNameReader(settings: NamedSecretSettings): NameReader {
  const { calls, provider, prefix, versionStage } = settings;
  /** A batch has no choice of versions. A policy may deny batches: that is found out once. */
  let mayBatch = versionStage === currentStage;

  async function readOne(
    name: string,
    context: CallContext,
    which: { readonly VersionStage: string } | { readonly VersionId: string },
  ): Promise<SecretRecord | SecretError | undefined> {
    try {
      const reply = await calls.call(
        context,
        ({ GetSecretValueCommand }) =>
          new GetSecretValueCommand({ SecretId: prefix + name, ...which }),
      );
      if (!reply.exception) return recordOf(name, reply.output);
      if (reply.exception === 'not-found' || reply.exception === 'deleted') return undefined;
      throw reply.error;
    } catch (error) {
      if (concernsOneName(error)) return error.with({ secretName: name });
      throw error;
    }
  }

  /**
   * Puts what a batch answers into `entries`.
   *
   * @returns the names that the answer left open, since it may come in pages or fail for some: they may exist all the same
   */
  async function readBatch(
    names: readonly string[],
    context: CallContext,
    entries: Entries,
  ): Promise<readonly string[]> {
    const reply = await calls.call(
      context,
      ({ BatchGetSecretValueCommand }) =>
        new BatchGetSecretValueCommand({ SecretIdList: names.map((name) => prefix + name) }),
    );
    if (reply.exception) throw reply.error;
    const open = new Set(names);
    for (const content of reply.output.SecretValues ?? []) {
      const name = content.Name?.slice(prefix.length) ?? '';
      if (open.delete(name)) entries.set(name, recordOf(name, content));
    }
    for (const { SecretId = '', ErrorCode = '', Message = '' } of reply.output.Errors ?? []) {
      const name = SecretId.slice(prefix.length);
      if (!open.has(name)) continue;
      const thrown = { name: ErrorCode, message: Message };
      const subject = { provider, subject: `the secret ${SecretId}` };
      const found = classifyError(thrown, subject, context.signal);
      const error = isSecretError(found) ? found : found.error;
      // a failure of the service for this name alone: it is asked for once more, by itself
      if (isSecretError(error, 'ERR_SECRET_UNAVAILABLE')) continue;
      open.delete(name);
      if (!isSecretError(found) && found.exception !== 'wrong-parameter') continue;
      if (!concernsOneName(error)) throw error;
      entries.set(name, error.with({ secretName: name }));
    }
    return [...open];
  }

  async function readNames(names: readonly string[], context: CallContext): Promise<Entries> {
    const entries: Entries = new Map();
    // a name that no secret can have does not exist, and is not asked for
    const possible = names.filter((name) => isPossibleName(prefix + name));
    const guard = createOutageGuard();
    const readOneByOne = (some: readonly string[]) =>
      forEachLimited(some, (name) =>
        guard.attempt([name], async () => {
          const entry = await readOne(name, context, { VersionStage: versionStage });
          if (entry) entries.set(name, entry);
        }),
      );
    const withFailures = () => {
      // what was answered counts, whatever the store could not say about other names
      for (const [name, error] of guard.failed())
        entries.set(name, error.with({ secretName: name }));
      return entries;
    };
    if (possible.length === 1 || !mayBatch) {
      await readOneByOne(possible);
      return withFailures();
    }
    const batches: string[][] = [];
    for (let start = 0; start < possible.length; start += batchSize)
      batches.push(possible.slice(start, start + batchSize));
    const left: string[] = [];
    await forEachLimited(batches, (batch) =>
      guard.attempt(batch, async () => {
        try {
          left.push(...(await readBatch(batch, context, entries)));
        } catch (error) {
          if (!isSecretError(error, 'ERR_SECRET_DENIED')) throw error;
          mayBatch = false;
          left.push(...batch);
        }
      }),
    );
    await readOneByOne(left);
    return withFailures();
  }

  function recordOf(
    secretName: string,
    { SecretString, SecretBinary, VersionId, CreatedDate }: SecretContent,
  ): SecretRecord | SecretError {
    if (SecretString === undefined && SecretBinary === undefined)
      return new SecretError('ERR_SECRET_INVALID', `the answer for ${secretName} has no content`, {
        provider,
        secretName,
        hint: wrongEndpoint,
      });
    return {
      // the text form of bytes is base64 (RFC 4648, 4)
      value: SecretString ?? Buffer.from(SecretBinary ?? []).toString('base64'),
      ...(VersionId !== undefined && { version: VersionId }),
      ...(CreatedDate !== undefined && { createdAt: CreatedDate.getTime() }),
    };
  }

  return { readNames, readOne };
}

/** Whether the error leaves other names unaffected. */
function concernsOneName(error: unknown): error is SecretError {
  return isSecretError(error, 'ERR_SECRET_DENIED') || isSecretError(error, 'ERR_SECRET_INVALID');
}
