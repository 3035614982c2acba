/**
 * `keyfall run -- true`: what stands before a program that gets its secrets in its environment, from a `.env` and from
 * Vault, on each Node.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { measureCommands } from '../harness/commands.mjs';
import { nodes } from '../harness/nodes.mjs';
import { figure } from '../harness/results.mjs';
import { startStore } from '../harness/server.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const minimal = here('../peers/minimal.mjs');
const keyfall = here('../../packages/cli/dist/bundle/bin.cjs');
const peer = (path) => here(`../peers/node_modules/${path}`);

/** From a `.env`. What comes behind each is the program. */
const fromDotenv = [
  {
    name: 'a minimal script',
    kind: 'floor',
    words: [minimal, 'dotenv'],
    note: 'npm dotenv, and `spawn`',
  },
  { name: 'keyfall run', kind: 'ours', words: [keyfall, 'run', '--'] },
  { name: 'dotenv run', kind: 'peer', words: [peer('dotenv/dist/cli.cjs'), 'run', '--'] },
  { name: 'env-cmd', kind: 'peer', words: [peer('env-cmd/bin/env-cmd.js'), '--'] },
  {
    name: 'dotenvx run',
    kind: 'peer',
    words: [peer('@dotenvx/dotenvx/src/cli/dotenvx.js'), 'run', '--'],
  },
  {
    name: 'varlock run',
    kind: 'peer',
    words: [peer('varlock/bin/cli.js'), 'run', '--'],
    since: 22,
    note: 'needs Node 22',
  },
];

const fromVault = [
  {
    name: 'a minimal script',
    kind: 'floor',
    words: [minimal, 'vault'],
    note: '`node:http`, and `spawn`',
  },
  { name: 'keyfall run', kind: 'ours', words: [keyfall, 'run', '--'] },
  { name: 'a script with fetch', kind: 'peer', words: [minimal, 'vault-fetch'] },
  { name: 'a script with node-vault', kind: 'peer', words: [minimal, 'vault-node-vault'] },
];

/** The commands as `node` starts them, each of which was seen to give the program its secrets. */
function commandsFor(node, subjects, env, cwd) {
  return subjects
    .filter(({ since = 0 }) => node.major >= since)
    .map(({ name, kind, note, words }) => {
      const command = [node.program, ...words];
      const seen = ['/bin/sh', '-c', 'test "$NAME_7" = value-7'];
      const { status, stderr } = spawnSync(command[0], [...command.slice(1), ...seen], {
        cwd,
        env,
        encoding: 'utf8',
      });
      if (status !== 0) throw new Error(`${name} did not pass the secrets on: ${stderr}`);
      return { name, kind, note, env, command: [...command, '/usr/bin/true'] };
    });
}

export async function measure({ quick }) {
  const cwd = mkdtempSync(join(tmpdir(), 'keyfall-run-'));
  const store = await startStore();
  try {
    const secrets = Object.fromEntries(
      Array.from({ length: 40 }, (_, index) => [`NAME_${index}`, `value-${index}`]),
    );
    const lines = Object.entries(secrets).map(([name, value]) => `${name}=${value}\n`);
    writeFileSync(join(cwd, '.env'), lines.join(''), { mode: 0o600 });
    const { address, token, mount } = store.settings;
    await store.write('run', secrets);
    const env = { PATH: process.env.PATH, HOME: cwd, VARLOCK_TELEMETRY_DISABLED: 'true' };
    const vault = {
      ...{ USE_VAULT: 'true', VAULT_ADDR: address, VAULT_TOKEN: token },
      ...{ VAULT_MOUNT_POINT: mount, VAULT_SECRET_PATH: 'run' },
    };
    const figures = {};
    const how = { rounds: quick ? 5 : 25, cwd };
    for (const node of nodes()) {
      const dotenv = commandsFor(node, fromDotenv, env, cwd);
      figures[`dotenv-${node.major}`] = figure('ms', await measureCommands(dotenv, how));
      const both = commandsFor(node, fromVault, { ...env, ...vault }, cwd);
      figures[`vault-${node.major}`] = figure('ms', await measureCommands(both, how));
    }
    const versions = Object.fromEntries(
      nodes().map(({ major, version }) => [`node ${major}`, version]),
    );
    return { versions: { server: store.version, ...versions }, figures };
  } finally {
    await store.stop();
    rmSync(cwd, { recursive: true, force: true });
  }
}
