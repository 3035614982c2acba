// What the tests of several packages share: certificates made while a test runs, by the PKI engine of the server that
// is there anyway.
import type { VaultServer } from '@keyfall/testkit';

export interface Pair {
  readonly cert: string;
  readonly key: string;
}

export interface Authority {
  readonly mount: string;
  readonly pem: string;
  /** A certificate for `name` and 127.0.0.1, for servers and clients alike. `ttl`: an hour, or up to 8000. */
  issue(name: string, ttl?: string): Promise<Pair>;
}

let mounts = 0;

/** A certificate authority of its own. */
export async function newAuthority(server: VaultServer): Promise<Authority> {
  mounts += 1;
  const mount = `pki-${process.pid}-${mounts}`;
  const ask = async (path: string, body: object) =>
    (await server.request('POST', path, body)).body.data ?? {};
  await ask(`sys/mounts/${mount}`, { type: 'pki', config: { max_lease_ttl: '8760h' } });
  const root = await ask(`${mount}/root/generate/internal`, {
    common_name: `authority ${mounts}`,
    key_type: 'ec',
    ttl: '8760h',
  });
  const role = { allow_any_name: true, allow_ip_sans: true, key_type: 'ec', max_ttl: '8000h' };
  await ask(`${mount}/roles/any`, role);
  return {
    mount,
    pem: `${root['certificate']}\n`,
    async issue(name, ttl = '1h') {
      const request = { common_name: name, ip_sans: '127.0.0.1', ttl };
      const issued = await ask(`${mount}/issue/any`, request);
      return { cert: `${issued['certificate']}\n`, key: `${issued['private_key']}\n` };
    },
  };
}
