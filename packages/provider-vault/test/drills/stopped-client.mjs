// A client in a process of its own, to be stopped and continued: reads at each line on its standard
// input, and answers with a line that tells how the read ended. It uses the built package.
import { createInterface } from 'node:readline';
import { createSecrets } from '@keyfall/core';
import { appRoleAuth, vaultProvider } from '@keyfall/provider-vault';

const { address, path, roleId, secretId } = JSON.parse(process.argv[2] ?? '{}');
const auth = appRoleAuth({ roleId, secretId });
const secrets = createSecrets({
  providers: [vaultProvider({ address, path, auth, env: {} })],
  ttl: 0,
  staleIfError: 0,
});
for await (const _ of createInterface({ input: process.stdin }))
  console.log(
    await secrets.get('A').then(
      (value) => `read ${value.length}`,
      (error) => `failed ${error.code}`,
    ),
  );
await secrets.close();
