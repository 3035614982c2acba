/**
 * What Secret Manager can hold.
 */
import { SecretError } from '@keyfall/core/provider';

/** Bytes in one version (Secret Manager, "Quotas and limits"). */
const sizeLimit = 65_536;

/** Whether a secret may have this id (reference, projects.secrets.create). */
export function isPossible(id: string): boolean {
  return /^[A-Za-z0-9_-]{1,255}$/.test(id);
}

/** @throws `ERR_SECRET_UNSUPPORTED` for a name or a value that Secret Manager cannot hold */
export function assertWritable(
  prefix: string,
  secretName: string,
  value: string | null,
  provider: string,
): void {
  const unsupported = (what: string, hint: string) => {
    const details = { provider, secretName, hint, applied: 'no' } as const;
    return new SecretError('ERR_SECRET_UNSUPPORTED', `${secretName} ${what}`, details);
  };
  if (!isPossible(prefix + secretName))
    throw unsupported(
      'is not a name that Secret Manager allows',
      'Use ASCII letters, digits, - and _ only, 255 at most.',
    );
  if (value === '')
    throw unsupported('cannot be empty here', 'Secret Manager keeps no version without content.');
  if (value?.isWellFormed() === false)
    throw unsupported('holds half a character', 'Use text that UTF-8 can have.');
  const size = Buffer.byteLength(value ?? '');
  if (size > sizeLimit)
    throw unsupported(
      `was not written: it has ${size} bytes, and Secret Manager allows ${sizeLimit}`,
      'Keep it in another store.',
    );
}
