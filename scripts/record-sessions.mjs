// Makes the pictures of the documents: what a person sees who types these commands in a real terminal,
// on a real server, and the server's own web interface. Made anew, a picture is the same, down to ports
// and times; so a test can tell when one has gone stale. Usage: record-sessions.mjs [FOLDER]
import { spawn } from 'node:child_process';
import { randomBytes, randomInt } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import { startVaultServer } from '@keyfall/testkit';
import { openTerminal } from './record-sessions/terminal.mjs';
import { openVaultUi, startChromium } from './record-sessions/vault-ui.mjs';

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
const [elsewhere, password] = [secret(), secret()];

/** A port of four digits, as 8200 is, which stands for it in the pictures: lines break where they did. */
async function startServer() {
  for (let attempt = 1; ; attempt += 1)
    try {
      return await startVaultServer({ external: false, port: randomInt(8201, 10_000) });
    } catch (error) {
      if (attempt === 5 || !error.message.includes('address already in use')) throw error;
    }
}

async function makeShop() {
  const lines = Object.entries(values).map(([name, value]) => `${name}=${value}\n`);
  await mkdir(shop, { recursive: true });
  await chmod(folder, 0o755); // else nobody could read .env whatever its mode
  await writeFile(join(shop, '.env'), `USE_VAULT=false\n${lines.join('')}`, { mode: 0o600 });
  const bot = 'import os\nos.environ["TOKEN"], os.environ["DB_PASS"]\nprint("The bot runs.")\n';
  await writeFile(join(shop, 'run.py'), bot);
  await mkdir(join(folder, 'bin'));
  const keyfall = `#!/bin/sh\nexec '${process.execPath}' '${file('packages/cli/dist/bundle/bin.cjs')}' "$@"\n`;
  await writeFile(join(folder, 'bin/keyfall'), keyfall);
  await chmod(join(folder, 'bin/keyfall'), 0o755);
}

/** A recording under way, in a terminal of its own. */
async function record(name, title, env, session) {
  const terminal = await openTerminal({
    folder: join(folder, name),
    cwd: shop,
    columns,
    env: { ...env, PATH: `${join(folder, 'bin')}:${process.env.PATH}` },
  });
  try {
    await session(terminal.run);
    const shown = stable(await terminal.screen({ colours: true }), env);
    await writeFile(join(pictures, `${name}.svg`), await toSvg(shown, title));
  } finally {
    await terminal.close();
  }
}

/** Without what differs from one recording to the next, and without the last prompt. */
function stable(screen, { VAULT_ADDR, VAULT_TOKEN }) {
  const text = screen
    .slice(0, screen.lastIndexOf('\n'))
    .trimEnd()
    .replaceAll(new URL(VAULT_ADDR).host, '127.0.0.1:8200')
    .replaceAll(/\d{8}T\d{9}Z/g, '20261124T090000000Z')
    .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g, '2026-11-24T09:00:00.000Z')
    .replaceAll(process.versions.node, '22.23.1');
  const plain = stripVTControlCharacters(text).replaceAll('\n', '');
  const { port } = new URL(VAULT_ADDR);
  const never = [
    ...Object.values(values),
    elsewhere,
    password,
    VAULT_TOKEN,
    folder,
    homedir(),
    `:${port}`,
  ];
  if (never.some((each) => plain.includes(each)))
    throw new Error(`A value, a path or a port is in the picture:\n${text}`);
  return `${text}\n`;
}

async function toSvg(screen, title) {
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
  const script = file('scripts/record-sessions/picture.py');
  const python = spawn('python3', [script, title, String(columns)], {
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
  await makeShop();
  const server = await startServer();
  cleanUps.unshift(() => server.stop());
  const policy = await readFile(file('docs/vault/editor-policy.hcl'), 'utf8');
  const policies = [await server.createPolicy(policy, 'aiogram-shop-editor')];
  const { token } = await server.createToken({ policies, ttl: '12h30m' });
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

  await pictureOfUi(server, policies);

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

/** The document in the server's own interface, as somebody sees it who may do what an editor may. */
async function pictureOfUi(server, policies) {
  await server.request('POST', 'sys/auth/userpass', { type: 'userpass' });
  await server.request('POST', 'auth/userpass/users/editor', {
    password,
    token_policies: policies,
  });
  const browser = await startChromium();
  try {
    const page = await openVaultUi(browser, server.address, {
      user: 'editor',
      password,
      path: '/vault/secrets/secret/show/aiogram-shop',
    });
    const written = page.getByText('Version created');
    await written.evaluate((element) => {
      element.textContent = 'Version created Nov 24, 2026 09:00 AM';
    });
    await page.screenshot({ path: join(pictures, 'vault-ui.png'), animations: 'disabled' });
  } finally {
    await browser.close();
  }
}

try {
  await main();
} finally {
  for (const cleanUp of cleanUps) await cleanUp();
}
