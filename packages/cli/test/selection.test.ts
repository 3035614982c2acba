import { memoryProvider, SecretError } from '@keyfall/core';
import type { SecretProvider } from '@keyfall/core/provider';
import { expect, test, vi } from 'vitest';
import { openChain } from '../src/chain/cli-chain.ts';
import { resolveSelection } from '../src/chain/selection.ts';

vi.mock('../src/terminal/terminal.ts', async (original) => ({
  ...(await original<typeof import('../src/terminal/terminal.ts')>()),
  notice: () => {},
}));

/** A store that is down once, and a file so slow that the store is back before it is read. */
function storeBackBeforeTheFileIsRead(): readonly SecretProvider[] {
  const [store, file] = [memoryProvider({ A: 'store', B: 'store' }), memoryProvider({ A: 'file' })];
  let comeBack = () => {};
  const isBack = new Promise<void>((resolve) => {
    comeBack = resolve;
  });
  let isDown = true;
  return [
    {
      ...store,
      name: 'vault',
      plainText: false,
      async read(names, context) {
        if (isDown) {
          isDown = false;
          throw new SecretError('ERR_SECRET_UNAVAILABLE', 'it is down');
        }
        const batch = await store.read(names, context);
        comeBack();
        return batch;
      },
    },
    {
      ...file,
      name: 'dotenv',
      async read(names, context) {
        await isBack;
        return file.read(names, context);
      },
    },
  ];
}

test.each([
  ['all', undefined],
  ['named ones', ['A']],
])('whose a value is stays with it although the store is back (%s)', async (_, only) => {
  const chain = openChain({
    providers: storeBackBeforeTheFileIsRead().map((provider) => ({ provider })),
  });
  const { secrets, degraded } = await resolveSelection(chain, only);
  expect(secrets).toEqual(
    new Map([['A', { value: 'file', provider: 'dotenv', fromStore: false }]]),
  );
  expect(degraded).toBe(true);
  // and now it is another one's
  expect(await chain.secrets.explain('A')).toMatchObject({ provider: 'vault' });
  await chain.secrets.close();
});
