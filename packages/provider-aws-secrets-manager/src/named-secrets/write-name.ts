/**
 * A write of one secret: put, restore, create or delete, whichever its state needs.
 */
import { randomUUID } from 'node:crypto';
import type { CallContext } from '@keyfall/aws';
import { isSecretError, SecretError } from '@keyfall/core/provider';
import { writtenVersion } from '../api/secrets-manager-service.ts';
import { sizeLimit } from '../api/store-settings.ts';
import { isPossibleName, type NamedSecretSettings } from './named-secret-settings.ts';

/** @throws `ERR_SECRET_UNSUPPORTED` for a name or a value that Secrets Manager cannot hold */
export function assertWritable(
  { provider, prefix }: NamedSecretSettings,
  secretName: string,
  value: string | null,
): void {
  const unsupported = (what: string, hint: string) =>
    new SecretError('ERR_SECRET_UNSUPPORTED', `${secretName} ${what}`, {
      provider,
      secretName,
      hint,
      applied: 'no',
    });
  if (!isPossibleName(prefix + secretName))
    throw unsupported(
      'is not a name that AWS allows for a secret',
      'Use ASCII letters, digits and /_+=.@- only, 512 at most.',
    );
  if (value === '')
    throw unsupported('cannot be empty here', 'AWS does not store a secret without content.');
  if (value?.isWellFormed() === false)
    throw unsupported('holds half a character', 'Use UTF-8: that is what Secrets Manager stores.');
  const size = Buffer.byteLength(value ?? '');
  if (size > sizeLimit)
    throw unsupported(
      `was not written: it has ${size} bytes, and AWS allows ${sizeLimit}`,
      'Keep it in another store.',
    );
}

/**
 * @param value - `null` deletes the secret
 * @returns the new version
 * @throws an error with `applied`
 */
export async function writeName(
  { calls, provider, prefix }: NamedSecretSettings,
  name: string,
  value: string | null,
  context: CallContext,
): Promise<string | undefined> {
  const SecretId = prefix + name;
  if (value === null) {
    const reply = await calls.change(
      context,
      ({ DeleteSecretCommand }) => new DeleteSecretCommand({ SecretId }),
    );
    if (reply.exception === 'wrong-parameter' || reply.exception === 'exists') throw reply.error;
    return undefined;
  }
  const ClientRequestToken = randomUUID();
  const content = { SecretString: value, ClientRequestToken };
  const put = () =>
    calls.change(
      context,
      ({ PutSecretValueCommand }) => new PutSecretValueCommand({ SecretId, ...content }),
    );
  let reply = await put();
  if (reply.exception === 'deleted') {
    const restored = await calls.change(
      context,
      ({ RestoreSecretCommand }) => new RestoreSecretCommand({ SecretId }),
    );
    if (restored.exception) throw restored.error;
    reply = await put().catch((error: unknown) => {
      // the secret exists again with its old content: the store is not as it was
      throw isSecretError(error) ? error.with({ applied: 'unknown' }) : error;
    });
  }
  if (reply.exception === 'not-found') {
    const created = await calls.change(
      context,
      ({ CreateSecretCommand }) => new CreateSecretCommand({ Name: SecretId, ...content }),
    );
    // another writer was first: now it can be written
    reply = created.exception === 'exists' ? await put() : created;
  }
  if (reply.exception) throw reply.error;
  return writtenVersion(reply.output, provider);
}
