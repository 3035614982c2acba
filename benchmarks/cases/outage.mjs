/**
 * What a store that cannot be asked costs: the first call and a later one, of a chain that has a `.env` beside it and of
 * clients that have nothing. Each as it is without options: what has no time limit of its own is given up after `cap`.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { faultyServer, freePort } from '@keyfall/testkit';
import { startClient } from '../harness/clients.mjs';
import { figure } from '../harness/results.mjs';
import { hvacClient } from '../peers/install.mjs';

const ours = new URL('../ours/vault.mjs', import.meta.url).href;
const peers = new URL('../peers/vault-clients.mjs', import.meta.url).href;

/** Milliseconds. */
const cap = 12_000;

const unused = async () => ({ address: `http://127.0.0.1:${await freePort()}`, stop() {} });
const faulty = async (fault) => {
  const server = await faultyServer(fault);
  return { address: server.address, stop: () => server.close() };
};
async function dropping() {
  const program = fileURLToPath(new URL('../../test/dropping-address.py', import.meta.url));
  const child = spawn('python3', [program], { stdio: ['pipe', 'pipe', 'inherit'] });
  const [port] = await once(child.stdout, 'data');
  return { address: `http://127.0.0.1:${port.toString().trim()}`, stop: () => child.kill() };
}

/** How a store fails. `waits`: whether it takes waiting rather than work, so that all subjects can wait at once. */
const faults = {
  closed: { start: unused, waits: false },
  silent: { start: () => faulty({ kind: 'black-hole' }), waits: true },
  dropping: { start: dropping, waits: true },
  trickling: { start: () => faulty({ kind: 'slow-loris' }), waits: true },
};

/** Two calls of a fresh client: milliseconds, `cap` where it did not end before. */
async function sample(subject, settings, calls, client) {
  await client.start(settings);
  const times = {};
  for (const call of calls) {
    const late = new Promise((resolve) => setTimeout(resolve, cap, { wall: cap }).unref());
    const { wall, answered } = await Promise.race([client.call(), late]);
    if (answered !== undefined && answered !== (subject.kind === 'ours'))
      throw new Error(`${subject.name} ${answered ? 'answered' : 'did not answer'}`);
    times[call] = wall;
    if (wall === cap) break;
  }
  return times;
}

async function samplesOf(subject, settings, rounds) {
  const client = await startClient(subject, settings);
  const samples = { first: [], later: [] };
  try {
    // the first one loads what is loaded when it is needed; and what has no limit waits once
    for (let round = -1; round < rounds; round += 1) {
      const { first, later } = await sample(subject, settings, ['first', 'later'], client);
      if (round >= 0 || first === cap) samples.first.push(first);
      if (round >= 0 && later !== undefined) samples.later.push(later);
      if (first === cap) break;
    }
  } finally {
    await client.stop();
  }
  return samples;
}

export async function measure({ quick }) {
  const folder = mkdtempSync(join(tmpdir(), 'keyfall-outage-'));
  const env = join(folder, '.env');
  writeFileSync(env, 'NAME_7=value 7\n', { mode: 0o600 });
  const subjects = [
    { name: 'Keyfall, with a .env beside it', kind: 'ours', start: [ours, 'chainWithFallback'] },
    { name: 'node:http', kind: 'peer', start: [peers, 'nodeHttp'] },
    { name: 'node-vault', kind: 'peer', start: [peers, 'nodeVault'] },
    { name: 'node-vault-client', kind: 'peer', start: [peers, 'nodeVaultClient'] },
    { name: 'hashi-vault-js', kind: 'peer', start: [peers, 'hashiVaultJs'] },
    { name: '@litehex/node-vault', kind: 'peer', start: [peers, 'litehex'] },
    { name: 'fetch', kind: 'peer', start: [peers, 'builtInFetch'] },
    { name: 'hvac', kind: 'peer', ...hvacClient() },
  ];
  const figures = {};
  try {
    for (const [name, { start, waits }] of Object.entries(faults)) {
      const { address, stop } = await start();
      const settings = { address, token: 'unused', mount: 'secret', path: 'shop', env };
      const rounds = (waits ? 3 : 15) / (quick ? 3 : 1);
      const work = (subject) => samplesOf(subject, settings, rounds);
      const all = [];
      if (waits) all.push(...(await Promise.all(subjects.map(work))));
      else for (const subject of subjects) all.push(await work(subject));
      figures[name] = {
        ...figure('ms', new Map(subjects.map((subject, index) => [subject, all[index]]))),
        cap,
      };
      await stop();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return { figures };
}
