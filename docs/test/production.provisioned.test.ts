/**
 * The page about a server for real secrets, from its first line to its last, on a machine with real services and users
 * that is rebooted in the middle.
 */

import { expect, test } from 'vitest';
import { followPage } from './machine/follow-page.ts';
import { startMachine } from './machine/machine.ts';
import { shopSettings } from './shop-folder.ts';

/**
 * In the place of the reader's bot: fails unless it is given every setting, and no credentials, and can write where the
 * original has its database. Runs until it is stopped.
 */
const bot = `
import os, signal, sys

missing = [name for name in ${JSON.stringify(Object.keys(shopSettings))} if not os.environ.get(name)]
leaked = [name for name in ("VAULT_TOKEN", "BAO_TOKEN") if name in os.environ]
if missing or leaked:
    sys.exit(f"run.py: missing {missing}, should not be here: {leaked}")
os.makedirs("data", exist_ok=True)
open(os.path.join("data", os.environ["DB_NAME"]), "a").close()
print("The bot runs.", flush=True)
signal.pause()
`;

/** What the reader has before the first line of the page: the bot with its \`.env\`, and a laptop. */
const before = `
set -eu
mkdir -p /srv/shop
cat > /srv/shop/run.py <<'END'${bot}END
cat > /srv/shop/.env <<'END'
USE_VAULT=false
${Object.entries(shopSettings)
  .map(([name, value]) => `${name}=${value.includes(' ') ? `"${value}"` : value}`)
  .join('\n')}
END
useradd --create-home anna # the owner of the laptop, which is this machine too
cat > /usr/local/bin/scp <<'END'
#!/bin/sh
# stands in for scp: both machines of the page are one here
exec cp "\${1#*:}" "$2"
END
chmod 755 /usr/local/bin/scp
`;

/** Looks for what is secret in everything that the machine has written for people to read. */
function secretsIn(known: readonly string[]): string {
  const values = [...Object.values(shopSettings).filter((value) => value.length > 10), ...known];
  return `{ journalctl --quiet; cat /var/log/openbao/*; } | grep -F '${values.join('\n')}'`;
}

test('an owner can follow the page, and live with what it leaves behind', async () => {
  const machine = await startMachine();
  try {
    expect(await machine.type(before)).toEqual({ status: 0, output: '' });
    const secrets = await followPage('docs/production.md', machine);
    expect(await machine.type(secretsIn(secrets))).toEqual({ status: 1, output: '' });
  } finally {
    await machine.stop();
  }
}, 600_000);
