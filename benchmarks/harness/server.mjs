/** A real server with a secret of 40 names, which is what a request is measured on. */
import { startVaultServer } from '@keyfall/testkit';

/** How many names the secret holds. */
const nameCount = 40;
/** Its names and values: `NAME_0` is `value 0`. */
export const values = Object.fromEntries(
  Array.from({ length: nameCount }, (_, index) => [`NAME_${index}`, `value ${index}`]),
);

/** @returns the settings of a client, the server's name and version, `write(path, values)` for another secret, and `stop()` */
export async function startStore() {
  const server = await startVaultServer({ external: false });
  const [mount, path] = ['secret', 'shop'];
  const write = (to, data) => server.request('POST', `${mount}/data/${to}`, { data });
  await write(path, values);
  const { body } = await server.request('GET', 'sys/health');
  return {
    settings: { address: server.address, token: server.token, mount, path },
    version: `OpenBao ${body.version}`,
    write,
    stop: () => server.stop(),
  };
}
