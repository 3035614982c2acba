/**
 * Reads of one secret a name: in batches where the policy allows it, else one by one.
 */
import { type CallContext, classifyAwsError } from '@keyfall/aws';
import {
  isSecretError,
  type NameEntries,
  nameReader,
  SecretError,
  type SecretRecord,
} from '@keyfall/core/provider';
import { secretsManager, wrongEndpoint } from '../api/secrets-manager-service.ts';
import { currentStage } from '../api/store-settings.ts';
import { isPossibleName, type NamedSecretSettings } from './named-secret-settings.ts';

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
  readNames(names: readonly string[], context: CallContext): Promise<NameEntries>;
  /** One name; `undefined` if it does not exist. */
  readOne(
    name: string,
    context: CallContext,
    which: { readonly VersionStage: string } | { readonly VersionId: string },
  ): Promise<SecretRecord | SecretError | undefined>;
}

export function createNameReader(settings: NamedSecretSettings): NameReader {
  const { calls, provider, prefix, versionStage } = settings;

  async function readOne(
    name: string,
    context: CallContext,
    which: { readonly VersionStage: string } | { readonly VersionId: string },
  ): Promise<SecretRecord | SecretError | undefined> {
    const reply = await calls.call(
      context,
      ({ GetSecretValueCommand }) =>
        new GetSecretValueCommand({ SecretId: prefix + name, ...which }),
    );
    if (!reply.exception) return recordOf(name, reply.output);
    if (reply.exception === 'not-found' || reply.exception === 'deleted') return undefined;
    throw reply.error;
  }

  /** What a batch answers. It may come in pages or fail for some names: those are left out, and may exist all the same. */
  async function readBatch(names: readonly string[], context: CallContext) {
    const reply = await calls.call(
      context,
      ({ BatchGetSecretValueCommand }) =>
        new BatchGetSecretValueCommand({ SecretIdList: names.map((name) => prefix + name) }),
    );
    if (reply.exception) throw reply.error;
    const answers = new Map<string, SecretRecord | SecretError | undefined>();
    const asked = new Set(names);
    for (const content of reply.output.SecretValues ?? []) {
      const name = content.Name?.slice(prefix.length) ?? '';
      if (asked.has(name) && !answers.has(name)) answers.set(name, recordOf(name, content));
    }
    for (const { SecretId = '', ErrorCode = '', Message = '' } of reply.output.Errors ?? []) {
      const name = SecretId.slice(prefix.length);
      if (!asked.has(name) || answers.has(name)) continue;
      const thrown = { name: ErrorCode, message: Message };
      const subject = { provider, subject: `the secret ${SecretId}`, service: secretsManager };
      const found = classifyAwsError(thrown, subject, context.signal);
      const error = isSecretError(found) ? found : found.error;
      // a failure of the service for this name alone: it is asked for once more, by itself
      if (isSecretError(error, 'ERR_SECRET_UNAVAILABLE')) continue;
      if (!isSecretError(found) && found.exception !== 'wrong-parameter')
        answers.set(name, undefined);
      else if (isSecretError(error, 'ERR_SECRET_DENIED')) answers.set(name, error);
      else if (isSecretError(error, 'ERR_SECRET_INVALID')) answers.set(name, error);
      else throw error;
    }
    return answers;
  }

  const readPossible = nameReader<CallContext>({
    one: (name, context) => readOne(name, context, { VersionStage: versionStage }),
    // a batch has no choice of versions; 20 secrets are the most that it takes (its API reference)
    ...(versionStage === currentStage && { several: readBatch, most: 20 }),
  });

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

  return {
    // a name that no secret can have does not exist, and is not asked for
    readNames: (names, context) =>
      readPossible(
        names.filter((name) => isPossibleName(prefix + name)),
        context,
      ),
    readOne,
  };
}
