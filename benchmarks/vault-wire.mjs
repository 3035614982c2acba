// What the two ways to build a request to Vault cost: a cold import of each, and a read of a document of 40 names on a
// real server, by the provider and without a chain. The floor is node:http itself with an agent that
// keeps its connection. Interleaved rounds; the median ratio counts.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startVaultServer } from '@keyfall/testkit';

const provider = fileURLToPath(new URL('../packages/provider-vault/', import.meta.url));
const median = (numbers) => numbers.sort((a, b) => a - b)[numbers.length >> 1];
const shown = (numbers) => median(numbers).toFixed(2);

// --- cold import, each in a process of its own -------------------------------------------------
const starts = {
  floor: "await import('node:http'); await import('node:https')",
  direct: `await import('${provider}dist/esm/index.js')`,
  'node-vault': `await import('${provider}dist/esm/index.js'); await import('${provider}dist/esm/node-vault.js')`,
};
function coldImport(code) {
  const program = `
    import { createRequire } from 'node:module';
    const started = performance.now();
    ${code};
    const took = performance.now() - started;
    console.log(JSON.stringify([took, process.memoryUsage.rss(), Object.keys(createRequire(import.meta.url).cache).length]));
  `;
  const output = execFileSync(process.execPath, ['--input-type=module', '--eval', program]);
  return JSON.parse(output.toString());
}
const imports = { floor: [], direct: [], 'node-vault': [] };
for (let round = 0; round < 15; round += 1)
  for (const [name, code] of Object.entries(starts)) imports[name].push(coldImport(code));
const importTime = (name) => median(imports[name].map(([took]) => took));
const rss = (name) => median(imports[name].map(([, bytes]) => bytes));
for (const name of ['direct', 'node-vault'])
  console.log(
    `cold import ${name}: ${importTime(name).toFixed(0)} ms, ${(importTime(name) / importTime('floor')).toFixed(2)} of the floor (${importTime('floor').toFixed(0)} ms), ${((rss(name) - rss('floor')) / 1e6).toFixed(1)} MB more memory`,
  );

// --- what is installed ---------------------------------------------------------------------------
const folders = new Set();
function gather(name, from) {
  let folder;
  for (let at = from; ; at = dirname(at)) {
    const candidate = join(at, 'node_modules', name);
    if (statSync(candidate, { throwIfNoEntry: false })) {
      folder = realpathSync(candidate);
      break;
    }
    if (at === dirname(at)) return;
  }
  if (folders.has(folder)) return;
  folders.add(folder);
  const { dependencies = {} } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  for (const dependency of Object.keys(dependencies)) gather(dependency, folder);
}
gather('node-vault', provider);
let bytes = 0;
for (const folder of folders)
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true }))
    if (entry.isFile()) bytes += statSync(join(entry.parentPath, entry.name)).size;
console.log(`node-vault installs ${folders.size} packages, ${(bytes / 1e6).toFixed(1)} MB`);

// --- reads on a real server ----------------------------------------------------------------------
const { vaultProvider } = await import('@keyfall/provider-vault');
const { nodeVaultWire } = await import('@keyfall/provider-vault/node-vault');
const server = await startVaultServer({ external: false });
const { address, token } = server;
const data = Object.fromEntries(
  Array.from({ length: 40 }, (_, index) => [`NAME_${index}`, `value ${index}`]),
);
await server.request('POST', 'secret/data/shop', { data });

const agent = new Agent({ keepAlive: true });
const { hostname, port } = new URL(address);
const headers = {
  'X-Vault-Token': token,
  'X-Vault-Request': 'true',
  Accept: 'application/json',
};
const floor = () =>
  new Promise((resolve, reject) => {
    const options = { agent, hostname, port, path: '/v1/secret/data/shop', headers };
    const asking = request(options, (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('end', () => resolve(JSON.parse(Buffer.concat(chunks).toString())));
    });
    asking.on('error', reject).end();
  });
const newCall = () => ({
  signal: new AbortController().signal,
  remainingTimeout: () => 10_000,
  warn() {},
});
const providers = [
  ['direct', undefined],
  ['node-vault', nodeVaultWire()],
].map(([name, wire]) => [name, vaultProvider({ address, token, path: 'shop', env: {}, wire })]);
const readers = new Map([['floor', floor]]);
for (const [name, provider] of providers)
  readers.set(name, async () => {
    const { entries } = await provider.read('all', newCall());
    if (entries.get('NAME_7').value !== 'value 7') throw new Error('nothing was read');
  });

async function one(read, requests) {
  const started = performance.now();
  for (let count = 0; count < requests; count += 1) await read();
  return performance.now() - started;
}
async function many(read, requests) {
  const before = process.cpuUsage();
  for (let count = 0; count < requests; count += 16)
    await Promise.all(Array.from({ length: 16 }, read));
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}
for (const read of readers.values()) await many(read, 800);
const ratios = { one: { direct: [], 'node-vault': [] }, many: { direct: [], 'node-vault': [] } };
for (let round = 0; round < 15; round += 1)
  for (const [kind, measure] of Object.entries({ one, many })) {
    const times = {};
    for (const [name, read] of readers) times[name] = await measure(read, 320);
    for (const name of ['direct', 'node-vault']) ratios[kind][name].push(times[name] / times.floor);
  }
for (const name of ['direct', 'node-vault'])
  console.log(
    `read ${name}: ${shown(ratios.one[name])} of the floor's time one after another, ${shown(ratios.many[name])} of its CPU time by sixteen`,
  );
for (const [, provider] of providers) await provider.close();
agent.destroy();
await server.stop();
