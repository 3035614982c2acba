/**
 * The form in which sops keeps a value: AES in GCM mode, with the path as additional data, and the type beside the
 * ciphertext (aes/cipher.go). The type is not authenticated: how Go reads the decrypted bytes, and the MAC, decide which
 * types are possible.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { formatFloat, macText, parseBool, parseFloat64, parseInt64, rfc3339 } from './go-text.ts';
import { InvalidSops, type Scalar } from './sops-tree.ts';

/** The content of a ciphertext: a comment may stand in place of a value, and a value in place of a comment. */
export type Decrypted = { readonly value: Scalar } | { readonly comment: string };

const tagLength = 16;

/**
 * Decrypts one value; `undefined` if it is not in sops's form, was not made with this key and path,
 * or does not hold what its type says. The empty text stands for itself.
 */
export function decryptValue(
  stored: string,
  key: Uint8Array,
  additionalData: string,
): Decrypted | undefined {
  if (stored === '') return { value: '' };
  const parts = partsOf(stored);
  if (parts === undefined) return undefined;
  const [data, iv, tag] = [parts.data, parts.iv, parts.tag].map(base64);
  if (data === undefined || iv === undefined || tag === undefined || iv.length === 0)
    return undefined;
  // Go is handed both in one piece, and takes the last 16 bytes for the tag.
  const sealed = Buffer.concat([data, tag]);
  if (sealed.length < tagLength) return undefined;
  let bytes: Buffer;
  try {
    const decipher = createDecipheriv(cipherFor(key), key, iv);
    decipher.setAAD(Buffer.from(additionalData));
    decipher.setAuthTag(sealed.subarray(-tagLength));
    bytes = Buffer.concat([decipher.update(sealed.subarray(0, -tagLength)), decipher.final()]);
  } catch {
    return undefined; // what OpenSSL says is no help, and never shown
  }
  // sops crashes on these; nothing it writes has them.
  if (parts.type === 'bytes')
    throw new InvalidSops('holds a value of a type that sops does not read');
  return typed(bytes, parts.type);
}

/** Encrypts one value as sops does, with a fresh IV of 32 bytes. A comment is a text of a type of its own. */
export function encryptValue(
  value: Exclude<Scalar, null>,
  key: Uint8Array,
  additionalData: string,
  type: string = typeOf(value),
): string {
  if (value === '') return '';
  const iv = randomBytes(32);
  const cipher = createCipheriv(cipherFor(key), key, iv);
  cipher.setAAD(Buffer.from(additionalData));
  const data = Buffer.concat([cipher.update(macText(value)), cipher.final()]);
  const [inside, nonce, tag] = [data, iv, cipher.getAuthTag()].map((part) =>
    part.toString('base64'),
  );
  return `ENC[AES256_GCM,data:${inside},iv:${nonce},tag:${tag},type:${type}]`;
}

function cipherFor(key: Uint8Array): 'aes-128-gcm' | 'aes-192-gcm' | 'aes-256-gcm' {
  if (key.length === 16) return 'aes-128-gcm';
  return key.length === 24 ? 'aes-192-gcm' : 'aes-256-gcm';
}

function typeOf(value: Exclude<Scalar, null>): string {
  if (typeof value === 'bigint') return 'int';
  if (typeof value === 'number') return 'float';
  if (typeof value === 'boolean') return 'bool';
  return typeof value === 'object' && 'time' in value ? 'time' : 'str';
}

/**
 * The groups of `^ENC\[AES256_GCM,data:(.+),iv:(.+),tag:(.+),type:(.+)\]`, the expression of sops. They are found by hand,
 * since outside of Go a hostile text can make that expression run for ever.
 */
function partsOf(stored: string) {
  const start = 'ENC[AES256_GCM,data:';
  if (!stored.startsWith(start)) return undefined;
  const [line = ''] = stored.split('\n', 1);
  const end = line.lastIndexOf(']');
  const type = line.lastIndexOf(',type:', end - 1 - ',type:'.length);
  const tag = line.lastIndexOf(',tag:', type - 1 - ',tag:'.length);
  const iv = line.lastIndexOf(',iv:', tag - 1 - ',iv:'.length);
  if (type < 0 || tag < 0 || iv <= start.length) return undefined;
  return {
    data: line.slice(start.length, iv),
    iv: line.slice(iv + ',iv:'.length, tag),
    tag: line.slice(tag + ',tag:'.length, type),
    type: line.slice(type + ',type:'.length, end),
  };
}

/** Go's `base64.StdEncoding`: padding is required, line breaks are skipped. */
function base64(text: string): Buffer | undefined {
  const clean = text.replace(/[\r\n]/g, '');
  const wellFormed = clean.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(clean);
  return wellFormed ? Buffer.from(clean, 'base64') : undefined;
}

function typed(bytes: Buffer, type: string): Decrypted | undefined {
  const text = textOf(bytes);
  const known = (value: Scalar | undefined) => (value === undefined ? undefined : { value });
  if (type === 'str') return { value: text ?? bytes };
  if (text === undefined) return type === 'comment' ? { comment: '' } : undefined;
  if (type === 'comment') return { comment: text };
  if (type === 'int') return known(parseInt64(text));
  if (type === 'float') return known(parseFloat64(text));
  if (type === 'bool') return known(parseBool(text));
  return type === 'time' ? known(rfc3339(text)) : undefined;
}

function textOf(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** The text of a value as `get` answers it: lossless, and the same whatever format the file has. */
export function valueText(value: Scalar): string {
  if (typeof value === 'string') return value;
  if (value === null) return 'null';
  if (typeof value === 'boolean' || typeof value === 'bigint') return String(value);
  if (typeof value === 'number') return formatFloat(value);
  return value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value.time;
}
