import { expect, test } from 'vitest';
import { startVault, type VaultForTests } from '../src/index.ts';

/** What the token may read there. */
async function read({ connection, server }: VaultForTests, path: string) {
  const { status, body } = await server.request('GET', path, undefined, {
    token: connection.token,
    allow: [403, 404],
  });
  return { status, data: body.data };
}

test.each([1, 2] as const)(
  'a KV %d holds the values, and the token may read them alone',
  async (kvVersion) => {
    await using vault = await startVault({ values: { TOKEN: 'first' }, path: 'shop', kvVersion });
    const { mount, path } = vault.connection;
    const place = kvVersion === 2 ? `${mount}/data/${path}` : `${mount}/${path}`;
    const holding = (values: object) => (kvVersion === 2 ? { data: values } : values);
    expect(await read(vault, place)).toMatchObject({
      status: 200,
      data: holding({ TOKEN: 'first' }),
    });
    expect(await read(vault, `${place}-other`)).toMatchObject({ status: 403 });

    await vault.put({ TOKEN: 'second' });
    expect((await read(vault, place)).data).toMatchObject(holding({ TOKEN: 'second' }));
    await vault.deny();
    expect(await read(vault, place)).toMatchObject({ status: 403 });
    await vault.allow();
    expect(await read(vault, place)).toMatchObject({ status: 200 });

    const write = () =>
      vault.server.request('POST', place, holding({ TOKEN: 'third' }), {
        token: vault.connection.token,
      });
    await expect(write()).rejects.toThrow('403');
    await vault.close();
  },
);

test('with access to write the token may write, and variables say the same as the connection', async () => {
  await using vault = await startVault({ access: 'write' });
  const { address, token, mount, path } = vault.connection;
  expect(await read(vault, `${mount}/data/${path}`)).toMatchObject({ status: 404 });
  await vault.server.request('POST', `${mount}/data/${path}`, { data: { A: 'b' } }, { token });
  expect(vault.env).toEqual({
    USE_VAULT: 'true',
    VAULT_ADDR: address,
    VAULT_TOKEN: token,
    VAULT_MOUNT_POINT: mount,
    VAULT_SECRET_PATH: path,
  });
});
