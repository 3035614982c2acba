/**
 * The page about a server for real secrets, from its first line to its last, on a machine with real services and users
 * that is rebooted in the middle.
 */

import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { differenceFrom } from './expected-output.ts';
import { type Machine, startMachine } from './machine/machine.ts';
import { type CodeBlock, codeBlocks, isShell, root } from './markdown.ts';
import { shopSettings } from './shop-folder.ts';

const page = 'docs/production.md';

/** In the place of the reader's bot: fails unless it is given every setting, and no credentials. Runs until it is stopped. */
const bot = `
import os, signal, sys

missing = [name for name in ${JSON.stringify(Object.keys(shopSettings))} if not os.environ.get(name)]
leaked = [name for name in ("VAULT_TOKEN", "BAO_TOKEN") if name in os.environ]
if missing or leaked:
    sys.exit(f"run.py: missing {missing}, should not be here: {leaked}")
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

/** What the reader has learned so far, by the names of \`answers=\`. */
class Memory {
  readonly #known = new Map<string, string>();

  answer(name: string): string {
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    if (!name.endsWith('-password')) throw new Error(`The page has not shown ${name} before.`);
    const chosen = randomBytes(12).toString('hex');
    this.#known.set(name, chosen);
    return chosen;
  }

  forget(name: string): void {
    this.#known.delete(name);
  }

  all(): readonly string[] {
    return [...this.#known.values()];
  }

  learn(output: string): void {
    for (const [, number = '', key = ''] of output.matchAll(/^(?:Unseal )?Key (\d): (\S+)$/gm))
      this.#known.set(`key-${number}`, key);
    const [, token] = /^Initial Root Token: (\S+)$/m.exec(output) ?? [];
    if (token !== undefined) this.#known.set('root-token', token);
    const [, encoded] = /^Encoded Token +(\S+)$/m.exec(output) ?? [];
    if (encoded !== undefined) this.#known.set('encoded-token', encoded);
  }
}

/** Looks for what is secret in everything that the machine has written for people to read. */
function secretsIn(known: readonly string[]): string {
  const values = [...Object.values(shopSettings).filter((value) => value.length > 10), ...known];
  return `{ journalctl --quiet; cat /var/log/openbao/*; } | grep -F '${values.join('\n')}'`;
}

const users: Readonly<Record<string, string>> = { server: 'root', laptop: 'anna' };

/** Types a block, as in a terminal that stays open until the machine is rebooted. */
async function follow(block: CodeBlock, machine: Machine, memory: Memory): Promise<void> {
  const { words, text } = block;
  const terminal = words.get('on') ?? '';
  const user = users[terminal];
  if (user === undefined) throw new Error(`There is no machine ${terminal}.`);
  const state = `/dev/shm/${terminal}`;
  const script = `
    [ ! -f ${state} ] || . ${state}
    trap 'status=$?; { export -p; printf "cd %q; umask %s\\n" "$PWD" "$(umask)"; } > ${state}; exit $status' EXIT
    set -eu -o pipefail\n${text}\n`;
  const answers = words
    .get('answers')
    ?.split(',')
    .map((name) => memory.answer(name));
  const { status, output } = await machine.type(script, { user, ...(answers && { answers }) });
  memory.learn(output);
  const expected = Number(words.get('exit') ?? 0);
  const difference = block.output === undefined ? undefined : differenceFrom(block.output, output);
  const problem =
    status === expected ? difference : `ended with ${status}, not ${expected}:\n${output}`;
  if (problem !== undefined) throw new Error(`${page}:${block.line}\n${text}\n\n${problem}`);
  if (!words.has('reboot')) return;
  await machine.rebooted();
  memory.forget('root-token');
}

test('an owner can follow the page, and live with what it leaves behind', async () => {
  const blocks = codeBlocks(await readFile(join(root, page), 'utf8')).filter(
    (block) => isShell(block) && !block.words.has('no-test'),
  );
  const machine = await startMachine();
  const memory = new Memory();
  try {
    expect(await machine.type(before)).toEqual({ status: 0, output: '' });
    for (const block of blocks) await follow(block, machine, memory);
    expect(await machine.type(secretsIn(memory.all()))).toEqual({ status: 1, output: '' });
  } finally {
    await machine.stop();
  }
}, 300_000);
