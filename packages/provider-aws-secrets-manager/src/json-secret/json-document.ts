/**
 * One version of a secret whose text is a JSON object.
 */
import type { CallContext } from '@keyfall/aws';
import { SecretError, type SecretRecord } from '@keyfall/core/provider';
import type { SecretsManagerCalls } from '../api/secrets-manager-service.ts';
import { membersOf } from './json-members.ts';

/** Which secret, and how it is read. */
export interface JsonSecretSettings {
  readonly calls: SecretsManagerCalls;
  readonly provider: string;
  readonly secretId: string;
  readonly separator: string;
}

/** The secret at one version. */
export interface JsonDocument {
  /** `undefined`: the secret does not exist, or has no version with this label. */
  readonly text: string | undefined;
  readonly version: string | undefined;
  readonly createdAt: number | undefined;
  /** Why there is no text. */
  readonly absence: 'not-found' | 'deleted' | undefined;
}

/**
 * @throws `ERR_SECRET_INVALID` for a secret of bytes; every failure of a call that is not "does not exist"
 */
export async function readDocument(
  { calls, provider, secretId }: JsonSecretSettings,
  context: CallContext,
  which: { readonly VersionStage: string } | { readonly VersionId: string },
): Promise<JsonDocument> {
  const reply = await calls.call(
    context,
    ({ GetSecretValueCommand }) => new GetSecretValueCommand({ SecretId: secretId, ...which }),
  );
  if (reply.exception === 'not-found' || reply.exception === 'deleted')
    return {
      text: undefined,
      version: undefined,
      createdAt: undefined,
      absence: reply.exception,
    };
  if (reply.exception) throw reply.error;
  const { SecretString: text, VersionId: version, CreatedDate } = reply.output;
  if (text === undefined)
    throw new SecretError('ERR_SECRET_INVALID', `the secret ${secretId} holds bytes, not JSON`, {
      provider,
      hint: useNames,
    });
  return { text, version, createdAt: CreatedDate?.getTime(), absence: undefined };
}

/**
 * The secrets in a document, by name.
 *
 * @throws `ERR_SECRET_INVALID` for a text that is not a JSON object
 */
export function entriesOf(
  { provider, secretId, separator }: JsonSecretSettings,
  { text, version, createdAt }: JsonDocument,
): Map<string, SecretRecord | SecretError> {
  const members = membersOf(text ?? '{}', separator);
  if (members === undefined)
    throw new SecretError(
      'ERR_SECRET_INVALID',
      `the text of the secret ${secretId} is not a JSON object`,
      { provider, hint: useNames },
    );
  const facts = {
    ...(version !== undefined && { version }),
    ...(createdAt !== undefined && { createdAt }),
  };
  const entries = new Map<string, SecretRecord | SecretError>();
  for (const [secretName, { text: value, problem }] of members)
    entries.set(
      secretName,
      value === undefined
        ? new SecretError(
            'ERR_SECRET_INVALID',
            `${secretName} ${problem} in the secret ${secretId}`,
            { provider, secretName, hint: 'Store exactly one text under this name.' },
          )
        : { value, ...facts },
    );
  return entries;
}

const useNames = 'Read it as one secret a name, with the option prefix.';
