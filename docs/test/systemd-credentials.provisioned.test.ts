/**
 * The page about credentials of systemd, with the real `systemd-creds` and a real service.
 */
import { expect, test } from 'vitest';
import { followPage } from './machine/follow-page.ts';
import { startMachine } from './machine/machine.ts';

/** What the reader has: the command line, and a program that needs both secrets and gets no others. */
const before = `
set -eu
npm install --silent --global --prefix /usr/local /opt/keyfall/packages/cli
mkdir -p /srv/bot
cat > /srv/bot/run.py <<'END'
import os, signal, sys

if not os.environ["TOKEN"].startswith("123456789:AA") or len(os.environ["DB_PASS"]) != 32:
    sys.exit("run.py: the secrets are others")
print("The bot runs.", flush=True)
signal.pause()
END
`;

test('a service gets its secrets from credentials that only this machine decrypts', async () => {
  const machine = await startMachine();
  try {
    expect(await machine.type(before)).toEqual({ status: 0, output: '' });
    await followPage('docs/systemd-credentials.md', machine);
  } finally {
    await machine.stop();
  }
}, 600_000);
