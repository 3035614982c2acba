// `npm run demo`: the main job on a real server, told as a story. A shop bot's .env is encrypted without a
// server; then it moves into Vault, the bot starts from it, a secret is rotated, a token without rights gets nothing, the server dies,
// and the bot starts from .env and says so. Works in a temporary folder and leaves nothing behind.
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startVaultServer } from '@keyfall/testkit';
import { startTelegramStub } from '../examples/aiogram-shop/dist/testing/telegram-stub.js';

const file = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const keyfall = file('packages/cli/dist/bundle/bin.cjs');
const bot = file('examples/aiogram-shop/dist/main.js');
const [customer, admin] = [1001, 1000];
const inPython = [
  'python3',
  '-c',
  'import os; print("python sees CURRENCY =", os.environ["CURRENCY"])',
];

const folder = await mkdtemp(join(tmpdir(), 'keyfall-demo-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
// a signal would end the process before it can clean up
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
  process.once(signal, () => process.exit(128 + constants.signals[signal]));
const cleanUps = [];

const color = process.stdout.isTTY && !process.env.NO_COLOR;
const paint = (code, text) => (color ? `\x1b[${code}m${text}\x1b[0m` : text);
let chapters = 0;
const wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const chapter = (title) => {
  chapters += 1;
  console.log(`\n${paint(1, `${chapters}. ${title}`)}`);
};
const tell = (text) => console.log(`   ${text}`);
const indent = (text) => text.trimEnd().replace(/^/gm, '   | ');
/** A long table, its middle left out. */
const shorten = (text) => {
  const lines = text.trimEnd().split('\n');
  const rows = lines.filter((line) => line.startsWith('  '));
  const hidden = new Set(rows.length > 12 ? rows.slice(8, -1) : []);
  return lines
    .map((line) => (line === rows[8] && hidden.size > 0 ? `  … and ${hidden.size} more` : line))
    .filter((line) => !hidden.has(line))
    .join('\n');
};

// what a shell of the story has in its environment: nothing of this one's own Vault settings
const plain = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^(VAULT|BAO|KEYFALL)_|^USE_VAULT$/.test(name)),
);

/** Runs one command of the story, shows it, and stops the story if it ends otherwise than it should. */
async function run(args, { env = {}, input = '', expected = 0, cwd = folder } = {}) {
  const typed = args.map((arg) => (/[^\w./:=-]/.test(arg) ? `'${arg}'` : arg)).join(' ');
  console.log(`\n   ${paint(36, `$ keyfall ${typed}`)}`);
  const child = spawn(process.execPath, [keyfall, ...args], {
    cwd,
    env: { ...plain, NO_COLOR: '1', ...env },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk) => (output += chunk));
  child.stdin.end(input);
  const code = await new Promise((resolve) => child.once('close', resolve));
  if (output.trim() !== '') console.log(indent(shorten(output)));
  if (code !== expected) throw new Error(`keyfall ended with ${code}, not with ${expected}`);
  if (code !== 0) tell(`(exit code ${code})`);
  return output;
}

/** Starts the bot and shows what it says of itself. `ready` resolves when it serves, or has ended. */
function startBot(env) {
  const child = spawn(process.execPath, [bot], { cwd: folder, env: { ...plain, ...env } });
  let log = '';
  const ended = new Promise((resolve) => child.once('close', resolve));
  const ready = new Promise((resolve) => {
    child.stderr.on('data', (chunk) => {
      log += chunk;
      if (log.includes('asks Telegram for updates')) resolve();
    });
    ended.then(resolve);
    setTimeout(resolve, 30_000).unref();
  }).then(() => {
    if (!log.includes('asks Telegram')) throw new Error(`the bot did not start:\n${log}`);
  });
  ready.catch(() => {}); // the one that is denied never gets ready
  const stop = async () => {
    child.kill('SIGTERM');
    return ended;
  };
  cleanUps.unshift(stop);
  process.once('exit', () => child.kill('SIGTERM'));
  // of a line of its log, the message
  const said = () => log.replaceAll(/^\{"level":.*\}$/gm, (line) => JSON.parse(line).msg);
  return { ended, ready, stop, said };
}

async function conversation(telegram, ...texts) {
  for (const text of texts) {
    const answer = await telegram.ask(customer, text);
    tell(`customer: ${text}`);
    tell(`bot:      ${answer.split('\n')[0]}`);
  }
}

async function story() {
  const secret = (length = 16) => randomBytes(length).toString('hex');
  const token = `${randomBytes(4).readUInt32BE()}:${secret(17)}`;
  const telegram = await startTelegramStub({ token });
  cleanUps.unshift(() => telegram.close());

  chapter('A shop bot keeps its settings in a plain-text .env');
  const template = await readFile(file('examples/aiogram-shop/.env.template'), 'utf8');
  const filled = {
    TOKEN: token,
    ADMIN_ID_LIST: String(admin),
    SUPPORT_LINK: 'https://t.me/tea_help',
    DB_PASS: secret(),
    REDIS_PASSWORD: secret(),
    WEBHOOK_SECRET_TOKEN: secret(),
    KRYPTO_EXPRESS_API_KEY: secret(),
    KRYPTO_EXPRESS_API_SECRET: secret(),
    ENCRYPTION_SECRET: secret(32),
    TELEGRAM_API_ROOT: telegram.apiRoot,
    KEYFALL_TTL: '500ms',
  };
  const env = template.replace(/^([A-Z_]+)=.*$/gm, (line, name) =>
    name in filled ? `${name}=${filled[name]}` : line,
  );
  await writeFile(join(folder, '.env'), env, { mode: 0o600 });
  const names = env.match(/^[A-Z_]+=/gm).length;
  tell(`${names} settings in ${join(folder, '.env')}: bot token, payment keys, database password.`);
  tell('The bot runs as it always did, from .env (USE_VAULT=false):');
  const before = startBot({});
  await before.ready;
  console.log(indent(before.said()));
  await conversation(telegram, '/start', '/support');
  await before.stop();

  chapter('Without a server: one command encrypts the .env, and programs start with it');
  const local = join(folder, 'local');
  await mkdir(local);
  await writeFile(join(local, '.env'), env, { mode: 0o600 });
  // the key of the story is not left among the user's own
  const own = { XDG_CONFIG_HOME: join(folder, 'config'), HOME: folder };
  await run(['init', '--local', '--key-in', 'file'], { cwd: local, env: own });
  const [, ciphertext] = /^TOKEN=(.{40})/m.exec(
    await readFile(join(local, 'secrets.enc.env'), 'utf8'),
  );
  tell(`Of the token that file has: ${ciphertext}…`);
  await run(['run', '--only', 'CURRENCY', '--', ...inPython], { cwd: local, env: own });

  chapter('A Vault-compatible server starts (OpenBao, in memory, on this machine)');
  let server;
  try {
    server = await startVaultServer({ external: false });
  } catch (error) {
    tell('No server can be had on this machine, so the story ends with its .env half:');
    console.log(indent(error.message));
    return false;
  }
  cleanUps.unshift(() => server.stop());
  const policy = async (name) =>
    server.createPolicy(await readFile(file(`docs/vault/${name}.hcl`), 'utf8'));
  const tokenFor = async (...names) =>
    (await server.createToken({ policies: await Promise.all(names.map(policy)), ttl: '1h' })).token;
  const vault = { VAULT_ADDR: server.address, VAULT_SECRET_PATH: 'aiogram-shop' };
  const editor = { ...vault, USE_VAULT: 'true', VAULT_TOKEN: await tokenFor('editor-policy') };
  const reader = { ...vault, USE_VAULT: 'true', VAULT_TOKEN: await tokenFor('shop-policy') };
  tell(`It listens at ${server.address}. Two policies are made: the owner may write the shop's`);
  tell('settings, the bot may only read them.');

  chapter('The .env moves into Vault: first looked at, then done, then read back and compared');
  await run(['migrate', '--dry-run'], { env: editor });
  await run(['migrate', '--yes'], { env: editor });
  tell('A second run has nothing to do:');
  await run(['migrate', '--yes'], { env: editor });

  chapter('The bot starts from Vault');
  const fromVault = startBot(reader);
  await fromVault.ready;
  console.log(indent(fromVault.said()));
  await conversation(telegram, '/start', '/support');
  tell('So does any other program, in any language, without a change to its code:');
  await run(['run', '--only', 'CURRENCY', '--', ...inPython], { env: reader });

  chapter('A setting changes in Vault, and the running bot follows');
  await run(['set', 'SUPPORT_LINK'], { env: editor, input: 'https://t.me/new_tea_help' });
  for (let asked = 0; ; asked += 1) {
    const answer = await telegram.ask(customer, '/support');
    if (answer.includes('new_tea_help')) break;
    if (asked === 100) throw new Error('the bot did not follow the change');
    await wait(100);
  }
  await conversation(telegram, '/support');
  await run(['explain', 'SUPPORT_LINK'], { env: reader });

  chapter('A token without the policy gets nothing: being denied is no reason to fall back');
  const stranger = { ...reader, VAULT_TOKEN: (await server.createToken({ ttl: '1h' })).token };
  await run(['run', '--', 'python3', '-c', 'print("this must never be seen")'], {
    env: stranger,
    expected: 4,
  });
  const denied = startBot(stranger);
  const code = await denied.ended;
  console.log(`\n   ${paint(36, '$ node main.js')}   (the bot, with the same token)`);
  console.log(indent(denied.said()));
  tell(`(exit code ${code})`);
  if (code !== 4) throw new Error(`the denied bot ended with ${code}`);

  chapter('The server dies');
  await server.kill();
  tell('The running bot goes on with the last good values, and says so:');
  await wait(600); // past KEYFALL_TTL, so that it asks again
  await conversation(telegram, '/support');
  for (let asked = 0; !fromVault.said().includes('FALLBACK'); asked += 1) {
    if (asked === 100) throw new Error('the bot fell back in silence');
    await telegram.ask(customer, '/support');
    await wait(100);
  }
  console.log(
    indent(
      fromVault
        .said()
        .split('\n')
        .filter((line) => line.startsWith('FALLBACK'))
        .join('\n'),
    ),
  );
  await fromVault.stop();

  tell('A bot that starts now starts from .env, and says so:');
  const fallenBack = startBot(reader);
  await fallenBack.ready;
  console.log(indent(fallenBack.said()));
  await conversation(telegram, '/start');
  if (!fallenBack.said().includes('FALLBACK')) throw new Error('the bot fell back in silence');
  await fallenBack.stop();
  await run(['run', '--only', 'CURRENCY', '--', ...inPython], { env: reader });
  return true;
}

let failure;
try {
  const whole = await story();
  console.log(
    whole
      ? '\nThat was all of it. Next: docs/VAULT_SETUP_GUIDE.md, for your own .env.'
      : '\nThat was the .env half. With a server, `npm run demo` shows the rest.',
  );
} catch (error) {
  failure = error;
} finally {
  for (const cleanUp of cleanUps) await cleanUp();
}
if (failure) {
  console.error(`\nThe demo failed: ${failure.stack}`);
  process.exitCode = 1;
}
