// In a process of its own: the library keeps the address of the first session that it has seen.
import { createSecrets, memoryProvider } from '@keyfall/core';
import { callContext as context } from '@keyfall/testkit';
import { expect, test } from 'vitest';
import { keychainProvider } from '../src/index.ts';

test('without a session no name is missing: the keychain is unavailable, and a chain falls back with a notice', async () => {
  process.env['DBUS_SESSION_BUS_ADDRESS'] = 'unix:path=/nowhere/bus';
  const provider = keychainProvider({ service: 'shop' });
  const unavailable = { code: 'ERR_SECRET_UNAVAILABLE', provider: 'keychain' };
  await expect(provider.read(['A'], context())).rejects.toMatchObject(unavailable);
  await expect(provider.read('all', context())).rejects.toMatchObject(unavailable);
  await expect(provider.list?.(context())).rejects.toMatchObject(unavailable);
  await expect(
    provider.write?.({ entries: new Map([['A', 'a']]) }, context()),
  ).rejects.toMatchObject(unavailable);
  expect(await provider.check?.(context())).toMatchObject([{ code: 'unavailable' }]);

  const secrets = createSecrets({ providers: [provider, memoryProvider({ A: 'of the next' })] });
  const passed: string[] = [];
  secrets.on('fallback', ({ provider }) => passed.push(provider));
  expect(await secrets.get('A')).toBe('of the next');
  expect(passed).toEqual(['keychain']);
  await expect(secrets.find('B')).rejects.toMatchObject({ code: 'ERR_SECRET_UNAVAILABLE' });
  await secrets.close();
});
