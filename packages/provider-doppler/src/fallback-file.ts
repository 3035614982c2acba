/**
 * The encrypted file that stands in for Doppler, in the format of Doppler's own CLI, so that either
 * reads what the other wrote: `VERSION:ENCODING:ROUNDS:SALT-IV-CIPHERTEXT`, AES-256-GCM with a key by
 * PBKDF2-SHA-256 (pkg/crypto/aes.go and pkg/models/encrypted_file.go of DopplerHQ/cli).
 */
import { createCipheriv, createDecipheriv, pbkdf2, randomBytes, randomUUID } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { promisify } from 'node:util';
import { unlessInUse } from '@keyfall/core/provider/files/write';

const derive = promisify(pbkdf2);
const rounds = 500_000;
const fileVersion = 4;

/** Rounds that a file may ask for: with more, a file could keep its reader busy. */
const maxRounds = 5_000_000;

/** A file that is not a fallback file, was changed, or has another passphrase. The message shows none of it. */
export class FallbackFileError extends Error {}

/** What the file is encrypted with unless a passphrase is given, as Doppler's CLI has it. */
export function fallbackPassphrase(given: {
  readonly passphrase: string;
  readonly token: string;
  readonly project: string;
  readonly config: string;
}): string {
  const { passphrase, token, project, config } = given;
  return passphrase || (project && config ? `${token}:${project}:${config}` : token);
}

/**
 * Replaces the file atomically, mode 0600: a reader sees either the old or the new one.
 *
 * @throws what Node's file functions throw
 */
export async function writeFallbackFile(
  path: string,
  secrets: ReadonlyMap<string, string>,
  passphrase: string,
): Promise<void> {
  const salt = randomBytes(8);
  const iv = randomBytes(12);
  const cipher = createCipheriv(
    'aes-256-gcm',
    await derive(passphrase, salt, rounds, 32, 'sha256'),
    iv,
  );
  // as in Doppler's CLI, one JSON object; for fromEntries __proto__ is a name like any other
  const plain = JSON.stringify(Object.fromEntries(secrets));
  const sealed = Buffer.concat([cipher.update(plain, 'utf8'), cipher.final(), cipher.getAuthTag()]);
  const parts = [salt, iv, sealed].map((part) => part.toString('base64'));
  const temporary = `${path}.${randomUUID()}`;
  try {
    const file = await open(temporary, 'wx', 0o600);
    try {
      await file.writeFile(`${fileVersion}:base64:${rounds}:${parts.join('-')}`);
      await file.sync();
    } finally {
      await file.close();
    }
    await unlessInUse(() => rename(temporary, path));
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/**
 * What a file holds, as JSON.
 *
 * @param content - the bytes of the file
 * @throws `FallbackFileError`
 */
export async function openFallback(content: Buffer, passphrase: string): Promise<unknown> {
  // a fallback file is ASCII
  const text = content.toString('latin1').trim();
  const found = /^\d+:(base64|hex):(\d{1,7}):([^-]+)-([^-]+)-([^-]+)$/.exec(text);
  if (!found) throw new FallbackFileError('is not a fallback file of Doppler');
  const [, encoding = '', count = '', ...encoded] = found;
  const [salt, iv, sealed] = encoded.map((part) => Buffer.from(part, encoding as 'base64' | 'hex'));
  if (!salt || iv?.length !== 12 || !sealed || sealed.length < 16 || !(Number(count) <= maxRounds))
    throw new FallbackFileError('is not a fallback file of Doppler');
  const key = await derive(passphrase, salt, Number(count) || 1, 32, 'sha256');
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, iv, { authTagLength: 16 });
    decipher.setAuthTag(sealed.subarray(-16));
    const plain = Buffer.concat([decipher.update(sealed.subarray(0, -16)), decipher.final()]);
    return JSON.parse(plain.toString());
  } catch {
    throw new FallbackFileError('cannot be decrypted: it was changed, or has another passphrase');
  }
}
