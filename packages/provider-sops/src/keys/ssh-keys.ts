/**
 * SSH keys as age uses them (filippo.io/age/agessh). age-encryption reads only age's own keys, and accepts others through
 * the two interfaces that are implemented here. Keys with a passphrase are recognised, and not read.
 */
import {
  constants,
  createCipheriv,
  createDecipheriv,
  createHash,
  createPrivateKey,
  createPublicKey,
  hkdfSync,
  type KeyObject,
  privateDecrypt,
  publicEncrypt,
  randomBytes,
} from 'node:crypto';
import { ed25519, x25519 } from '@noble/curves/ed25519.js';
import type { Identity, Recipient, Stanza } from 'age-encryption';

const ed25519Label = 'age-encryption.org/v1/ssh-ed25519';
const rsaLabel = Buffer.from('age-encryption.org/v1/ssh-rsa');
/** A file key's length in bytes (age's format, "file key"). */
const fileKeyLength = 16;

/**
 * The identity in the text of an SSH private key file; `undefined` if it cannot be used: another kind of key, one with a
 * passphrase, or no key at all.
 */
export function sshIdentity(text: string): Identity | undefined {
  try {
    const key = privateKeyOf(text);
    if (key.asymmetricKeyType === 'ed25519') return ed25519Identity(key);
    return key.asymmetricKeyType === 'rsa' ? rsaIdentity(key) : undefined;
  } catch {
    return undefined; // the message of the error may hold a piece of the key
  }
}

/**
 * The public key of a private key with a passphrase, as in `authorized_keys`: empty if the file does not have it,
 * `undefined` if it has no passphrase or is not a key.
 */
export function lockedSshKey(text: string): string | undefined {
  const found = openSshFields(text);
  if (found === undefined)
    return /-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m.test(text)
      ? ''
      : undefined;
  const { cipher, publicKey } = found;
  return cipher === 'none' ? undefined : publicKey.toString('base64');
}

/** The recipient of a line of `authorized_keys`; `undefined` if age does not know that kind of key. */
export function sshRecipient(
  line: string,
  newStanza: (args: string[], body: Uint8Array) => Stanza,
): Recipient | undefined {
  const [type, encoded = ''] = line.split(/\s+/);
  const wire = Buffer.from(encoded, 'base64');
  try {
    const fields = sshFields(wire);
    if (fields[0]?.toString() !== type) return undefined;
    if (type === 'ssh-ed25519' && fields[1]?.length === 32) {
      const theirs = ed25519.utils.toMontgomery(fields[1]);
      return {
        wrapFileKey(fileKey) {
          const ephemeral = randomBytes(32);
          const ours = x25519.getPublicKey(ephemeral);
          const key = wrappingKey(x25519.getSharedSecret(ephemeral, theirs), wire, ours, theirs);
          const args = [type, tagOf(wire), unpadded(ours)];
          return [newStanza(args, seal(key, fileKey))];
        },
      };
    }
    if (type === 'ssh-rsa' && fields.length === 3) {
      const [, e, n] = fields.map((field) => field.toString('base64url'));
      const key = createPublicKey({ key: { kty: 'RSA', e: e ?? '', n: n ?? '' }, format: 'jwk' });
      // age refuses shorter ones (agessh, NewRSARecipient)
      if ((key.asymmetricKeyDetails?.modulusLength ?? 0) < 2048) return undefined;
      return {
        wrapFileKey: (fileKey) => [
          newStanza([type, tagOf(wire)], publicEncrypt(oaep(key), fileKey)),
        ],
      };
    }
  } catch {
    // not a key
  }
  return undefined;
}

function ed25519Identity(key: KeyObject): Identity {
  const { d = '', x = '' } = key.export({ format: 'jwk' });
  const wire = sshWire(['ssh-ed25519', Buffer.from(x, 'base64url')]);
  const secret = createHash('sha512').update(Buffer.from(d, 'base64url')).digest().subarray(0, 32);
  const ours = x25519.getPublicKey(secret);
  return {
    unwrapFileKey(stanzas) {
      for (const { args, body } of stanzas) {
        if (args[0] !== 'ssh-ed25519' || args[1] !== tagOf(wire) || args.length !== 3) continue;
        const theirs = Buffer.from(args[2] ?? '', 'base64');
        if (theirs.length !== 32 || body.length !== fileKeyLength + 16) continue;
        const opened = open(
          wrappingKey(x25519.getSharedSecret(secret, theirs), wire, theirs, ours),
          body,
        );
        if (opened !== undefined) return opened;
      }
      return null;
    },
  };
}

function rsaIdentity(key: KeyObject): Identity {
  const { e = '', n = '' } = createPublicKey(key).export({ format: 'jwk' });
  const numbers = [e, n].map((text) => Buffer.from(text, 'base64url'));
  const wire = sshWire([
    'ssh-rsa',
    // an mpint is signed (RFC 4251, section 5)
    ...numbers.map((bytes) => ((bytes[0] ?? 0) & 0x80 ? Buffer.from([0, ...bytes]) : bytes)),
  ]);
  return {
    unwrapFileKey(stanzas) {
      for (const { args, body } of stanzas)
        if (args[0] === 'ssh-rsa' && args[1] === tagOf(wire) && args.length === 2)
          return privateDecrypt(oaep(key), body);
      return null;
    },
  };
}

function oaep(key: KeyObject) {
  const padding = constants.RSA_PKCS1_OAEP_PADDING;
  return { key, padding, oaepHash: 'sha256', oaepLabel: rsaLabel };
}

/** The tweak of age binds the shared secret to the SSH key, and not only to its Montgomery form. */
function wrappingKey(
  shared: Uint8Array,
  wire: Buffer,
  ephemeral: Uint8Array,
  recipient: Uint8Array,
): Buffer {
  const tweak = hkdfSync('sha256', Buffer.alloc(0), wire, ed25519Label, 32);
  const tweaked = x25519.getSharedSecret(new Uint8Array(tweak), shared);
  const salt = Buffer.concat([ephemeral, recipient]);
  return Buffer.from(hkdfSync('sha256', tweaked, salt, ed25519Label, 32));
}

const noNonce = Buffer.alloc(12);
const aead = { authTagLength: 16 } as const;

function seal(key: Buffer, fileKey: Uint8Array): Buffer {
  const cipher = createCipheriv('chacha20-poly1305', key, noNonce, aead);
  return Buffer.concat([cipher.update(fileKey), cipher.final(), cipher.getAuthTag()]);
}

function open(key: Buffer, body: Uint8Array): Buffer | undefined {
  const decipher = createDecipheriv('chacha20-poly1305', key, noNonce, aead);
  decipher.setAuthTag(body.subarray(-16));
  try {
    return Buffer.concat([decipher.update(body.subarray(0, -16)), decipher.final()]);
  } catch {
    return undefined;
  }
}

function tagOf(wire: Buffer): string {
  return unpadded(createHash('sha256').update(wire).digest().subarray(0, 4));
}

function unpadded(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64').replace(/=+$/, '');
}

function sshWire(fields: readonly (string | Buffer)[]): Buffer {
  const parts = fields.map((field) => {
    const bytes = Buffer.from(field);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    return Buffer.concat([length, bytes]);
  });
  return Buffer.concat(parts);
}

/** The length-prefixed fields of `bytes` (RFC 4251, section 5). Throws if there are none. */
function sshFields(bytes: Buffer, count = Number.POSITIVE_INFINITY): Buffer[] {
  const fields: Buffer[] = [];
  for (let at = 0; at < bytes.length && fields.length < count; ) {
    const length = bytes.readUInt32BE(at);
    if (at + 4 + length > bytes.length) throw new RangeError();
    fields.push(bytes.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return fields;
}

/** The content of a key in OpenSSH's own format (openssh-key-v1: OpenSSH, PROTOCOL.key); `undefined` for others. */
function openSshFields(text: string) {
  const match =
    /-----BEGIN OPENSSH PRIVATE KEY-----([\sA-Za-z0-9+/=]+)-----END OPENSSH PRIVATE KEY-----/.exec(
      text,
    );
  const bytes = Buffer.from(match?.[1] ?? '', 'base64');
  const magic = 'openssh-key-v1\0';
  if (bytes.toString('latin1', 0, magic.length) !== magic) return undefined;
  try {
    // cipher, kdf, its options; how many keys; public, private
    const head = sshFields(bytes.subarray(magic.length), 3);
    const afterHead = magic.length + head.reduce((sum, field) => sum + 4 + field.length, 0) + 4;
    const [publicKey, secret] = sshFields(bytes.subarray(afterHead), 2);
    if (publicKey === undefined || secret === undefined) return undefined;
    return { cipher: head[0]?.toString(), publicKey, secret };
  } catch {
    return undefined; // cut off
  }
}

function privateKeyOf(text: string): KeyObject {
  const found = openSshFields(text);
  if (found === undefined) return createPrivateKey(text);
  if (found.cipher !== 'none') throw new TypeError();
  const { secret } = found;
  // after two equal check numbers; then a comment and padding
  const isRsa = sshFields(secret.subarray(8), 1)[0]?.toString() === 'ssh-rsa';
  const [type, ...fields] = sshFields(secret.subarray(8), isRsa ? 7 : 3);
  const [one = '', two = '', three = '', four = '', five = '', six = ''] = fields.map(asNumber);
  if (type?.toString() === 'ssh-ed25519') {
    const seed = fields[1]?.subarray(0, 32).toString('base64url') ?? '';
    const x = fields[0]?.toString('base64url') ?? '';
    return createPrivateKey({ key: { kty: 'OKP', crv: 'Ed25519', d: seed, x }, format: 'jwk' });
  }
  if (!isRsa) throw new TypeError();
  // n, e, d, iqmp, p, q
  const [d, p, q] = [three, five, six].map((text) =>
    BigInt(`0x${Buffer.from(text, 'base64url').toString('hex')}`),
  );
  if (d === undefined || p === undefined || q === undefined) throw new TypeError();
  const remainder = (prime: bigint) => {
    const hex = (d % (prime - 1n)).toString(16);
    return Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex').toString(
      'base64url',
    );
  };
  const jwk = { n: one, e: two, d: three, qi: four, p: five, q: six };
  const key = { kty: 'RSA', ...jwk, dp: remainder(p), dq: remainder(q) };
  return createPrivateKey({ key, format: 'jwk' });
}

/** An mpint as JWK writes it: without the zero that keeps it positive. */
function asNumber(bytes: Buffer): string {
  return bytes.subarray(bytes[0] === 0 ? 1 : 0).toString('base64url');
}
