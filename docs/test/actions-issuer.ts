/**
 * Stands in for GitHub as the issuer of tokens for jobs: under GitHub's own name for a server that is started with the variables
 * of {@link ActionsIssuer.env}, and with what a job asks for its token (https://docs.github.com/en/actions/reference/security/oidc).
 */
import { execFile } from 'node:child_process';
import { createSign, generateKeyPairSync, randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer as createHttp, type Server } from 'node:http';
import { createServer as createHttps } from 'node:https';
import { type AddressInfo, connect } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { temporaryFolder } from '@keyfall/testkit';

const host = 'token.actions.githubusercontent.com';

/** An issuer. */
export interface ActionsIssuer {
  /** Variables of a process to which this is GitHub: a proxy that leads here, and the authority of its certificate. */
  readonly env: Readonly<Record<string, string>>;
  /** The variables of a job that may ask for a token. */
  readonly job: Readonly<Record<string, string>>;
  /** Who asks from now on. */
  become(claims: Readonly<Record<string, string>>): void;
  close(): Promise<void>;
}

/** Starts one on ports of its own. */
export async function startActionsIssuer(): Promise<ActionsIssuer> {
  const { folder, remove } = await temporaryFolder();
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')];
  await promisify(execFile)('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc'],
    ...['-subj', `/CN=${host}`, '-addext', `subjectAltName=DNS:${host}`, '-days', '2'],
    ...['-keyout', key, '-out', cert],
  ]);
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const bearer = randomUUID();
  let claims: Readonly<Record<string, string>> = {};

  const issuer = createHttps(
    { key: await readFile(key), cert: await readFile(cert) },
    ({ url }, response) => {
      const content =
        url === '/.well-known/openid-configuration'
          ? { issuer: `https://${host}`, jwks_uri: `https://${host}/keys` }
          : { keys: [{ ...publicKey.export({ format: 'jwk' }), alg: 'RS256', kid: '1' }] };
      response.setHeader('Content-Type', 'application/json');
      response.end(JSON.stringify(content));
    },
  );
  const proxy = createHttp().on('connect', (_, client) => {
    const upstream = connect(portOf(issuer), '127.0.0.1', () =>
      client.write('HTTP/1.1 200 OK\r\n\r\n'),
    );
    upstream.pipe(client).pipe(upstream);
    for (const socket of [client, upstream]) socket.on('error', () => upstream.destroy());
  });
  const tokens = createHttp(({ url = '', headers }, response) => {
    const now = Math.floor(Date.now() / 1_000);
    const audience = new URL(url, 'http://localhost').searchParams.get('audience');
    const body = { iss: `https://${host}`, aud: audience, iat: now, nbf: now, exp: now + 300 };
    const part = (content: object) => Buffer.from(JSON.stringify(content)).toString('base64url');
    const unsigned = `${part({ alg: 'RS256', kid: '1', typ: 'JWT' })}.${part({ ...body, ...claims })}`;
    const signature = createSign('RSA-SHA256').update(unsigned).sign(privateKey, 'base64url');
    response.statusCode = headers.authorization === `Bearer ${bearer}` ? 200 : 401;
    response.end(JSON.stringify({ value: `${unsigned}.${signature}` }));
  });
  const servers = [issuer, proxy, tokens];
  for (const server of servers)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    env: { HTTPS_PROXY: `http://127.0.0.1:${portOf(proxy)}`, SSL_CERT_FILE: cert },
    job: {
      ACTIONS_ID_TOKEN_REQUEST_URL: `http://127.0.0.1:${portOf(tokens)}/token?api-version=2.0`,
      ACTIONS_ID_TOKEN_REQUEST_TOKEN: bearer,
    },
    become(given) {
      claims = given;
    },
    async close() {
      for (const server of servers) {
        server.close();
        server.closeAllConnections();
      }
      await remove();
    },
  };
}

function portOf(server: Pick<Server, 'address'>): number {
  return (server.address() as AddressInfo).port;
}
