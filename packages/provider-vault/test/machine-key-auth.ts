/**
 * The login method of one's own that the documentation shows: a JWT that the machine signs itself,
 * with a key whose other half the server knows.
 */
import { createSign } from 'node:crypto';
import type { VaultAuth } from '@keyfall/provider-vault';

type Options = { role: string; subject: string; keyFile: string };

export function machineKeyAuth({ role, subject, keyFile }: Options): VaultAuth {
  const encoded = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url');
  return {
    name: 'machine key',
    async login({ read }) {
      const key = await read({ file: keyFile }, 'the key of the machine');
      const iat = Math.floor(Date.now() / 1_000);
      const claims = { sub: subject, aud: 'vault', iat, exp: iat + 60 };
      const unsigned = `${encoded({ alg: 'RS256' })}.${encoded(claims)}`;
      const signature = createSign('RSA-SHA256').update(unsigned).sign(key, 'base64url');
      return { path: 'auth/jwt/login', body: { role, jwt: `${unsigned}.${signature}` } };
    },
  };
}
