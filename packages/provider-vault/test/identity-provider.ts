/**
 * Stands in for an identity provider of OpenID Connect: it lets everybody in, and says who each one is.
 */
import { createSign, generateKeyPairSync } from 'node:crypto';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** An identity provider. */
export interface IdentityProvider {
  /** Its issuer, for `oidc_discovery_url`. */
  readonly origin: string;
  /** Who logs in next; the error of the protocol that refuses them instead. */
  become(next: { readonly subject: string } | { readonly error: string }): void;
  close(): void;
}

/** Starts one on a port of its own. */
export async function identityProvider(clientId: string): Promise<IdentityProvider> {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const part = (content: object) => Buffer.from(JSON.stringify(content)).toString('base64url');
  const nonces = new Map<string, string>();
  let next: { readonly subject?: string; readonly error?: string } = { subject: 'ada' };

  const server = createServer(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '', origin);
    if (pathname === '/.well-known/openid-configuration')
      return json(response, {
        issuer: origin,
        authorization_endpoint: `${origin}/authorize`,
        token_endpoint: `${origin}/token`,
        jwks_uri: `${origin}/keys`,
        response_types_supported: ['code'],
        subject_types_supported: ['public'],
        id_token_signing_alg_values_supported: ['RS256'],
      });
    if (pathname === '/keys')
      return json(response, {
        keys: [{ ...publicKey.export({ format: 'jwk' }), use: 'sig', alg: 'RS256', kid: 'one' }],
      });
    if (pathname === '/authorize') {
      const back = new URL(searchParams.get('redirect_uri') ?? '');
      back.searchParams.set('state', searchParams.get('state') ?? '');
      if (next.error !== undefined) back.searchParams.set('error', next.error);
      else {
        const code = `code-${nonces.size}`;
        nonces.set(code, searchParams.get('nonce') ?? '');
        back.searchParams.set('code', code);
      }
      response.writeHead(302, { Location: back.href });
      return response.end();
    }
    let body = '';
    for await (const chunk of request) body += chunk;
    const nonce = nonces.get(new URLSearchParams(body).get('code') ?? '');
    const now = Math.floor(Date.now() / 1_000);
    const claims = {
      iss: origin,
      sub: next.subject,
      aud: clientId,
      iat: now,
      exp: now + 60,
      nonce,
    };
    const unsigned = `${part({ alg: 'RS256', kid: 'one' })}.${part(claims)}`;
    const signature = createSign('RSA-SHA256').update(unsigned).sign(privateKey, 'base64url');
    return json(response, {
      access_token: 'unused',
      token_type: 'Bearer',
      id_token: `${unsigned}.${signature}`,
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    origin,
    become(given) {
      next = given;
    },
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

function json(response: ServerResponse, content: object): ServerResponse {
  response.setHeader('Content-Type', 'application/json');
  return response.end(JSON.stringify(content));
}
