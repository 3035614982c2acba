// `keyfall run`: what it adds to the program that it starts, beside the least that a Node script needs for
// the same (read the .env or Vault, spawn): Vault by fetch, as one would write it, and by node:http, which
// is the floor; and how fast `--redact` lets text through. The command is the
// one that is published (npm run build first); another Node is measured by NODE=/path/to/node. Interleaved
// rounds, medians; CPU times of all processes too, since the clock of a busy machine says little.
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startVaultServer } from '@keyfall/testkit';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const node = process.env.NODE || process.execPath;
const keyfall = [node, here('../packages/cli/dist/bundle/bin.cjs')];
const rounds = Number(process.env.ROUNDS || 41);

/** Seconds by the clock and of CPU that a command takes, measured by bash. */
function timed(command, options) {
  const script = `TIMEFORMAT='%R %U %S'; time { ${command}; } 2>&3`;
  const { status, stderr } = spawnSync('bash', ['-c', `exec 3>/dev/null; ${script}`], {
    ...options,
    encoding: 'utf8',
    maxBuffer: 1e9,
  });
  if (status !== 0) throw new Error(`${command}: status ${status}`);
  const [clock, user, system] = stderr.trim().split(/\s+/).map(Number);
  return { clock, cpu: user + system };
}

const quoted = (words) => words.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
const median = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1];

/** Medians of each command's times. */
function compare(commands, options) {
  const times = Object.fromEntries(Object.keys(commands).map((name) => [name, []]));
  for (let round = 0; round < rounds; round += 1)
    for (const [name, words] of Object.entries(commands))
      times[name].push(timed(`${quoted(words)} >/dev/null`, options));
  const medians = {};
  for (const [name, all] of Object.entries(times))
    medians[name] = {
      clock: median(all.map(({ clock }) => clock)) * 1_000,
      cpu: median(all.map(({ cpu }) => cpu)) * 1_000,
    };
  return medians;
}

function report(what, { nothing, ours, ...scripts }) {
  for (const kind of ['clock', 'cpu'])
    for (const [name, script] of Object.entries(scripts)) {
      const ratio = (ours[kind] - nothing[kind]) / (script[kind] - nothing[kind]);
      const shown = { program: nothing, [name]: script, run: ours };
      const times = Object.entries(shown).map(([of, time]) => `${of} ${time[kind].toFixed(0)} ms`);
      console.log(
        `${what}, ${kind}: ${times.join(', ')}, ratio of what is added ${ratio.toFixed(2)}`,
      );
    }
}

const folder = mkdtempSync(join(tmpdir(), 'keyfall-run-'));
const server = await startVaultServer({ external: false });
try {
  const values = Array.from({ length: 50 }, () => randomBytes(16).toString('hex'));
  const dotenv = values.map((value, index) => `NAME_${index}=${value}\n`).join('');
  writeFileSync(join(folder, '.env'), dotenv, { mode: 0o600 });
  const minimal = (kind) => [node, here('run/minimal.mjs'), kind, '/usr/bin/true'];
  const commands = (scripts) => ({
    nothing: ['/usr/bin/true'],
    ...scripts,
    ours: [...keyfall, 'run', '--', '/usr/bin/true'],
  });
  const env = { PATH: process.env.PATH, HOME: folder };
  report('.env', compare(commands({ script: minimal('dotenv') }), { cwd: folder, env }));

  const mount = await server.mountKv({ version: 2 });
  const data = Object.fromEntries(values.map((value, index) => [`NAME_${index}`, value]));
  await server.request('POST', `${mount}/data/shop`, { data });
  const vault = {
    ...{ USE_VAULT: 'true', VAULT_ADDR: server.address, VAULT_TOKEN: server.token },
    ...{ VAULT_MOUNT_POINT: mount, VAULT_SECRET_PATH: 'shop' },
  };
  const scripts = {
    'script with fetch': minimal('vault-fetch'),
    'with node:http': minimal('vault'),
  };
  report('Vault', compare(commands(scripts), { cwd: folder, env: { ...env, ...vault } }));

  // 200 MB of log lines, one in 50 of which holds a value
  const line = '2026-11-24T18:00:00.000Z GET /api/v1/users 200 12ms the connection was closed ';
  const block = Array.from(
    { length: 10_000 },
    (_, index) => `${line}${index % 50 === 0 ? values[index % 47] : index}\n`,
  ).join('');
  const copies = Math.ceil(200_000_000 / block.length);
  writeFileSync(join(folder, 'log'), block.repeat(copies));
  const megabytes = statSync(join(folder, 'log')).size / 1e6;
  const speeds = { redacted: [], plain: [] };
  const pipe = { cwd: folder, env };
  const start = median(
    Array.from(
      { length: 9 },
      () =>
        timed(`${quoted([...keyfall, 'run', '--redact', '--', 'true'])} | cat >/dev/null`, pipe)
          .clock,
    ),
  );
  for (let round = 0; round < 9; round += 1) {
    const run = [...keyfall, 'run', '--redact', '--', 'cat', 'log'];
    speeds.redacted.push(
      megabytes / (timed(`${quoted(run)} | cat >/dev/null`, pipe).clock - start),
    );
    speeds.plain.push(megabytes / timed('cat log | cat | cat >/dev/null', pipe).clock);
  }
  console.log(
    `--redact with 50 values: ${median(speeds.redacted).toFixed(0)} MB/s by the clock (best ${Math.max(...speeds.redacted).toFixed(0)}); cat in its place: ${median(speeds.plain).toFixed(0)} MB/s`,
  );
} finally {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
}
