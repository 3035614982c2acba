/**
 * What an import costs a process, by its CPU time, beside a process that imports an empty module: that is the floor of
 * any package.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { measureCommands } from '../harness/commands.mjs';
import { nodes } from '../harness/nodes.mjs';
import { figure } from '../harness/results.mjs';
import { urlOfPeer } from '../peers/install.mjs';

const keyfall = (name) => ({ name, kind: 'ours', url: import.meta.resolve(name) });
const peer = (name, module = name) => ({ name, kind: 'peer', url: urlOfPeer(module) });

export async function measure({ quick }) {
  const cwd = mkdtempSync(join(tmpdir(), 'keyfall-imports-'));
  try {
    const empty = join(cwd, 'empty.mjs');
    writeFileSync(empty, 'export const nothing = 0;\n');
    const imports = [
      { name: 'an empty module', kind: 'floor', url: `file://${empty}` },
      { name: 'node alone', kind: 'peer', note: 'imports nothing' },
      keyfall('@keyfall/core'),
      keyfall('@keyfall/provider-dotenv'),
      keyfall('@keyfall/provider-vault'),
      peer('dotenv'),
      peer('@dotenvx/dotenvx'),
      peer('keyv'),
      peer('lru-cache'),
      peer('unstorage'),
      peer('@aws-lambda-powertools/parameters', '@aws-lambda-powertools/parameters/base'),
      peer('node-vault'),
      peer('hashi-vault-js'),
      peer('@litehex/node-vault'),
      peer('node-vault-client'),
    ].map(({ url, ...subject }, index) => {
      const file = join(cwd, `${index}.mjs`);
      writeFileSync(file, url === undefined ? '' : `import ${JSON.stringify(url)};\n`);
      return { ...subject, file };
    });
    const env = { PATH: process.env.PATH, HOME: cwd };
    const figures = {};
    const versions = {};
    for (const { major, version, program } of nodes()) {
      const commands = imports.map(({ file, ...subject }) => ({
        ...subject,
        env,
        command: [program, file],
      }));
      const samples = await measureCommands(commands, { rounds: quick ? 5 : 25, cwd });
      figures[`node-${major}`] = figure('ms', samples);
      versions[`node ${major}`] = version;
    }
    return { versions, figures };
  } finally {
    rmSync(cwd, { recursive: true, force: true });
  }
}
