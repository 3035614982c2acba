/**
 * One process of the fleet: a program with a chain before a real cluster. It says when it is ready, begins when it is told,
 * and says what it has seen when it is asked.
 */
import { createSecrets } from '@keyfall/core';
import { appRoleAuth, vaultProvider } from '@keyfall/provider-vault';

const { addresses, roleId, secretId, ttl, every } = JSON.parse(process.env['FLEET_MEMBER']);
const [address, ...nodes] = addresses;
const auth = appRoleAuth({ roleId, secretId });
const provider = vaultProvider({ path: 'fleet', address, nodes, auth, env: {} });
const secrets = createSecrets({ providers: [provider], ttl });
for (const event of ['fallback', 'recovered', 'warning']) secrets.on(event, () => {});

const tally = { gets: 0, wentBack: 0 };
let version = 0;

async function call() {
  tally.gets += 1;
  try {
    const now = Number((await secrets.get('NAME_0')).slice('value '.length));
    if (now < version) tally.wentBack += 1;
    if (now > version) process.send({ version: now });
    version = Math.max(version, now);
  } catch {
    process.send({ failed: true });
  }
  setTimeout(call, every * (0.5 + Math.random()));
}

process.on('message', async (message) => {
  if (message === 'begin') void call();
  if (message === 'report') process.send({ tally });
  if (message === 'end') {
    await secrets.close();
    process.exit();
  }
});
process.send('ready');
