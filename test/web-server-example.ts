// What an example of a web server does, whatever its framework.
import { assertNoLeak } from '@keyfall/testkit';
import { expect, test } from 'vitest';
import { canary, exampleVault, startExample } from './started-example.ts';

/** @param folder - the folder of the example */
export function webServerTests(folder: string): void {
  test('it answers without a Vault, and ends by a signal', async () => {
    const { address, stop } = await startExample(folder);
    expect(await (await fetch(address)).json()).toEqual({ characters: 8 });
    expect((await fetch(`${address}/health`)).status).toBe(200);
    const missing = await fetch(`${address}/missing`);
    expect(missing.status).toBe(500);
    expect(await missing.text()).not.toContain('MISSING');
    expect(await stop()).toContain('SecretError');
  });

  test('it has what Vault holds, and a Vault that denies is 503', async () => {
    const { server, settings } = await exampleVault({ GREETING: canary });
    const policy = await server.createPolicy('path "nothing" { capabilities = ["read"] }');
    const { token } = await server.createToken({ policies: [policy] });
    const allowed = await startExample(folder, settings);
    expect(await (await fetch(allowed.address)).json()).toEqual({ characters: canary.length });
    const denied = await startExample(folder, { ...settings, VAULT_TOKEN: token });
    const answer = await fetch(denied.address);
    expect(answer.status).toBe(503);
    const output = [await answer.text(), await allowed.stop(), await denied.stop()];
    assertNoLeak([canary, server.token, token], output);
  });
}
