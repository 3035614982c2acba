// Makes the pictures of the documents: what a person sees who types these commands in a real terminal,
// on a real server, the server's own web interface, and the diagrams. Made anew, a picture is the same, down to
// ports and times; so a test can tell when one has gone stale. Each is made for light and for dark pages, but for the
// web interface, which has light colours only. Usage: pictures.mjs [FOLDER]
import { spawn } from 'node:child_process';
import { randomBytes, randomInt } from 'node:crypto';
import { once } from 'node:events';
import { appendFile, chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import { startVaultServer } from '@keyfall/testkit';
import { diagrams, schemes } from './pictures/diagrams.mjs';
import { openTerminal } from './pictures/terminal.mjs';
import { photographUi, startChromium } from './pictures/vault-ui.mjs';

const file = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const pictures = resolve(process.argv[2] ?? file('docs/pictures'));
const columns = 100;

const folder = await mkdtemp(join(tmpdir(), 'keyfall-record-'));
const shop = join(folder, 'shop');
const cleanUps = [() => rm(folder, { recursive: true, force: true, maxRetries: 10 })];

/** Values that no two recordings share: one that showed would make the pictures differ as well. */
const secret = () => randomBytes(16).toString('hex');
const values = {
  TOKEN: secret(),
  ADMIN_ID_LIST: secret(),
  DB_PASS: secret(),
  REDIS_PASSWORD: secret(),
  ENCRYPTION_SECRET: secret(),
  PAGE_ENTRIES: secret(),
  CURRENCY: secret(),
};
const elsewhere = secret();

/** A port of four digits, as 8200 is, which stands for it in the pictures: lines break where they did. */
async function startServer() {
  for (let attempt = 1; ; attempt += 1)
    try {
      return await startVaultServer({ external: false, port: randomInt(8201, 10_000) });
    } catch (error) {
      if (attempt === 5 || !error.message.includes('address already in use')) throw error;
    }
}

async function makeShop(shop, firstLine = '') {
  const lines = Object.entries(values).map(([name, value]) => `${name}=${value}\n`);
  await mkdir(shop, { recursive: true });
  await writeFile(join(shop, '.env'), firstLine + lines.join(''), { mode: 0o600 });
  const bot = 'import os\nos.environ["TOKEN"], os.environ["DB_PASS"]\nprint("The bot runs.")\n';
  await writeFile(join(shop, 'run.py'), bot);
}

async function makeCommand() {
  await chmod(folder, 0o755); // else nobody could read a .env in it whatever its mode
  await mkdir(join(folder, 'bin'));
  const keyfall = `#!/bin/sh\nexec '${process.execPath}' '${file('packages/cli/dist/bundle/bin.cjs')}' "$@"\n`;
  await writeFile(join(folder, 'bin/keyfall'), keyfall);
  await chmod(join(folder, 'bin/keyfall'), 0o755);
}

/** A recording under way, in a terminal of its own. */
async function record(name, title, env, session, cwd = shop) {
  const terminal = await openTerminal({
    folder: join(folder, name),
    cwd,
    columns,
    env: { ...env, PATH: `${join(folder, 'bin')}:${process.env.PATH}` },
  });
  try {
    await session(terminal.run);
    const shown = stable(await terminal.screen({ colours: true }), env);
    for (const scheme of schemes)
      await writeFile(join(pictures, `${name}-${scheme}.svg`), await toSvg(shown, title, scheme));
  } finally {
    await terminal.close();
  }
}

/** Without what differs from one recording to the next, and without the last prompt. */
function stable(screen, { VAULT_ADDR = 'http://127.0.0.1:8200', VAULT_TOKEN, HOME }) {
  const { host, port } = new URL(VAULT_ADDR);
  const atHome = HOME === undefined ? screen : screen.replaceAll(HOME, '/home/shopbot');
  const text = atHome
    .slice(0, atHome.lastIndexOf('\n'))
    .trimEnd()
    .replaceAll(host, '127.0.0.1:8200')
    .replaceAll(/\d{8}T\d{9}Z/g, '20261124T090000000Z')
    .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g, '2026-11-24T09:00:00.000Z')
    .replaceAll(process.versions.node, '22.23.1');
  const plain = stripVTControlCharacters(text).replaceAll('\n', '');
  const never = [...Object.values(values), elsewhere, VAULT_TOKEN, folder, HOME, homedir()];
  if (port !== '8200') never.push(`:${port}`);
  if (never.some((each) => each !== undefined && plain.includes(each)))
    throw new Error(`A value, a path or a port is in the picture:\n${text}`);
  return `${text}\n`;
}

async function toSvg(screen, title, scheme) {
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
  const script = file('scripts/pictures/picture.py');
  const python = spawn('python3', [script, title, String(columns), scheme], {
    env: {
      ...process.env,
      PYTHONPATH: join(cache, 'keyfall/rich-15.0.0') /* as scripts/provision has it */,
      PYTHONUTF8: '1',
    },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  python.stdin.end(screen);
  const chunks = await python.stdout.toArray();
  if (python.exitCode === null) await once(python, 'close');
  if (python.exitCode !== 0) throw new Error(`${script} ended with ${python.exitCode}`);
  return Buffer.concat(chunks);
}

async function main() {
  await mkdir(pictures, { recursive: true });
  for (const [name, draw] of Object.entries(diagrams))
    for (const scheme of schemes)
      await writeFile(join(pictures, `${name}-${scheme}.svg`), draw(scheme));
  await makeCommand();
  await makeShop(join(folder, 'local-shop'));
  const home = await mkdtemp('/tmp/k-'); // as long as /home/shopbot, which stands for it: lines break where they did
  cleanUps.push(() => rm(home, { recursive: true, force: true }));
  await record(
    'local',
    'Secrets without a server',
    { HOME: home },
    async (run) => {
      await run('keyfall init --local');
      await run('keyfall run -- python3 run.py');
    },
    join(folder, 'local-shop'),
  );

  await makeShop(shop, 'USE_VAULT=false\n');
  const server = await startServer();
  cleanUps.unshift(() => server.stop());
  const policy = (name) => readFile(file(`docs/vault/${name}.hcl`), 'utf8');
  const editor = await server.createPolicy(await policy('editor-policy'), 'aiogram-shop-editor');
  await server.createPolicy(await policy('shop-policy'), 'aiogram-shop');
  const { token } = await server.createToken({ policies: [editor], ttl: '12h30m' });
  const env = {
    VAULT_ADDR: server.address,
    VAULT_TOKEN: token,
    VAULT_SECRET_PATH: 'aiogram-shop',
  };
  const document = (data) => server.request('POST', 'secret/data/aiogram-shop', { data });

  await document({ PAGE_ENTRIES: elsewhere, CURRENCY: values.CURRENCY });
  await record('migrate', 'A .env moves into Vault', env, async (run) => {
    await run('keyfall migrate --activate', [
      ['PAGE_ENTRIES has another value', 'Enter'],
      ['Write 5 names to', 'y'],
    ]);
  });

  await record('run', 'A program with its secrets', env, async (run) => {
    await run('keyfall run -- python3 run.py');
    await run(`keyfall run --redact -- sh -c 'echo "the password is $DB_PASS"'`);
  });

  await appendFile(join(shop, '.env'), `SENTRY_DSN=${elsewhere}\n`); // what only the fallback has
  await record('explain', 'Which store answers', env, async (run) => {
    await run('keyfall explain TOKEN');
    await run('keyfall explain');
  });

  await record('status', 'How the stores are', env, (run) => run('keyfall status'));

  await pictureOfUi(server);

  await record('diff', 'What differs between two stores', env, (run) =>
    run('keyfall diff vault dotenv'),
  );

  // whom a typo is told depends on what the token may list
  const rules = 'path "secret/*" { capabilities = ["create", "read", "update", "list"] }';
  const lister = await server.createToken({
    policies: [await server.createPolicy(rules, 'shops')],
    ttl: '12h30m',
  });
  await chmod(join(shop, '.env'), 0o644);
  await record(
    'doctor',
    'What is wrong, and how it is mended',
    { ...env, VAULT_TOKEN: lister.token, VAULT_SECRET_PATH: 'aiogram-shpo' },
    async (run) => {
      await run('keyfall doctor');
      await run('export VAULT_SECRET_PATH=aiogram-shop');
      await run('chmod 600 .env');
      await run('keyfall doctor');
    },
  );

  await server.stop();
  await record('fallback', 'Vault is down', env, async (run) => {
    await run('keyfall run -- python3 run.py');
    await run('keyfall explain TOKEN');
  });
}

/** What the guide's chapter on the web interface shows, as its reader sees it. */
async function pictureOfUi(server) {
  const browser = await startChromium();
  try {
    await photographUi(browser, server, pictures);
  } finally {
    await browser.close();
  }
}

try {
  await main();
} finally {
  for (const cleanUp of cleanUps) await cleanUp();
}
