// What importing a package costs a program: CPU time of the whole process, beside a bare one, one that imports an empty
// ES module (the floor of any package), and peers. Interleaved rounds, medians; the clock of a busy machine says
// little. Another Node is measured by NODE=/path/to/node. Build first (npm run build).
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const node = process.env.NODE || process.execPath;
const rounds = Number(process.env.ROUNDS || 41);
const folder = mkdtempSync(join(tmpdir(), 'keyfall-imports-'));
const built = (path) => new URL(`../packages/${path}`, import.meta.url).href;

const empty = join(folder, 'empty.mjs');
writeFileSync(empty, 'export const nothing = 0;\n');
const subjects = {
  bare: [],
  'bare again': [],
  'an empty module': [pathToFileURL(empty).href],
  '@keyfall/core': [built('core/dist/esm/index.js')],
  '@keyfall/provider-dotenv': [built('provider-dotenv/dist/esm/index.js')],
  '@keyfall/provider-vault': [built('provider-vault/dist/esm/index.js')],
  'dotenv (peer)': [import.meta.resolve('dotenv')],
  'node-vault (peer)': [import.meta.resolve('node-vault')],
};

try {
  const programs = Object.entries(subjects).map(([name, urls]) => {
    const file = join(folder, `${name.replaceAll(/\W/g, '-')}.mjs`);
    const imports = urls.map((url) => `import ${JSON.stringify(url)};\n`).join('');
    const report = 'const { user, system } = process.cpuUsage();\nconsole.log(user + system);\n';
    writeFileSync(file, imports + report);
    return { name, file, times: [] };
  });
  for (let round = 0; round < rounds; round += 1)
    for (const { file, times } of programs)
      times.push(Number(execFileSync(node, [file], { encoding: 'utf8' })) / 1_000);
  const median = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1];
  const quartile = (numbers, at) =>
    numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length * at)];
  const [bare, , floor] = programs.map(({ times }) => median(times));
  const version = execFileSync(node, ['--version'], { encoding: 'utf8' }).trim();
  console.log(
    `Node ${version}, ${rounds} rounds, CPU ms (median, and what half of the rounds were between)`,
  );
  for (const { name, times } of programs) {
    const time = median(times);
    const spread = `${quartile(times, 0.25).toFixed(1)} to ${quartile(times, 0.75).toFixed(1)}`;
    console.log(
      `${name.padEnd(26)} ${time.toFixed(1).padStart(6)} (${spread})  ${(time / bare).toFixed(2)} x bare, ${(time - floor >= 0 ? '+' : '') + (time - floor).toFixed(1)} over an empty module`,
    );
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
