/**
 * A write of one parameter. A new one is a `SecureString`. One that exists keeps its type and its KMS key: AWS encrypts a new
 * version with the account's own key unless the request names another, and would say nothing of it.
 */
import type { CallContext } from '@keyfall/aws';
import { SecretError } from '@keyfall/core/provider';
import { isPossibleParameter, type ParameterSettings } from './parameter-settings.ts';
import { wrongEndpoint } from './parameter-store-service.ts';

/** Bytes in the value of an advanced parameter; a standard one has 4096 (Systems Manager User Guide, "Parameter tiers"). */
const sizeLimit = 8_192;

/** @throws `ERR_SECRET_UNSUPPORTED` for a name or a value that Parameter Store cannot hold */
export function assertWritable(
  { provider, path }: ParameterSettings,
  secretName: string,
  value: string | null,
): void {
  const unsupported = (what: string, hint: string) => {
    const details = { provider, secretName, hint, applied: 'no' } as const;
    return new SecretError('ERR_SECRET_UNSUPPORTED', `${secretName} ${what}`, details);
  };
  if (!isPossibleParameter(path, secretName))
    throw unsupported(
      'is not a name that AWS allows for a parameter',
      'Use ASCII letters, digits and _.- only, with / between the levels.',
    );
  if (value === '')
    throw unsupported('cannot be empty here', 'AWS does not store a parameter without a value.');
  if (value?.isWellFormed() === false)
    throw unsupported('holds half a character', 'Use UTF-8: that is what Parameter Store keeps.');
  if (value?.includes('{{'))
    throw unsupported(
      'holds "{{", which AWS takes for a reference to another parameter',
      'Keep it in another store, such as AWS Secrets Manager.',
    );
  const size = Buffer.byteLength(value ?? '');
  if (size > sizeLimit)
    throw unsupported(
      `was not written: it has ${size} bytes, and AWS allows ${sizeLimit}`,
      'Keep it in another store, such as AWS Secrets Manager.',
    );
}

/**
 * @param value - `null` deletes the parameter
 * @returns the new version
 * @throws an error with `applied`
 */
export async function writeParameter(
  { calls, provider, path, keyId }: ParameterSettings,
  name: string,
  value: string | null,
  context: CallContext,
): Promise<string | undefined> {
  const Name = path + name;
  if (value === null) {
    const reply = await calls.change(
      context,
      ({ DeleteParameterCommand }) => new DeleteParameterCommand({ Name }),
    );
    if (reply.exception && reply.exception !== 'not-found') throw reply.error;
    return undefined;
  }
  const put = (options: {
    readonly Type: 'String' | 'StringList' | 'SecureString';
    readonly KeyId?: string | undefined;
    readonly Overwrite?: true;
  }) =>
    calls.change(
      context,
      ({ PutParameterCommand }) => new PutParameterCommand({ Name, Value: value, ...options }),
    );
  const created = await put({ Type: 'SecureString', KeyId: keyId });
  if (!created.exception) return versionOf(created.output, provider);
  if (created.exception !== 'exists') throw created.error;

  const described = await calls
    .call(
      context,
      ({ DescribeParametersCommand }) =>
        new DescribeParametersCommand({
          ParameterFilters: [{ Key: 'Name', Option: 'Equals', Values: [Name] }],
        }),
    )
    .catch((error) => {
      throw error instanceof SecretError ? error.with({ applied: 'no' }) : error;
    });
  if (described.exception) throw described.error.with({ applied: 'no' });
  const [known] = described.output.Parameters ?? [];
  const { Type = 'SecureString', KeyId } = known ?? {};
  const replaced = await put({
    Type,
    Overwrite: true,
    ...(Type === 'SecureString' && { KeyId: keyId ?? KeyId }),
  });
  if (replaced.exception) throw replaced.error;
  return versionOf(replaced.output, provider);
}

/** @throws `ERR_SECRET_INVALID` for an answer that AWS does not give to a write */
function versionOf(
  { Version }: { readonly Version?: number | undefined },
  provider: string,
): string {
  if (Number.isInteger(Version)) return String(Version);
  throw new SecretError('ERR_SECRET_INVALID', 'the answer has no version', {
    provider,
    hint: wrongEndpoint,
    applied: 'unknown',
  });
}
