/**
 * `keyfall snapshot`: the fallback that is not plain text, with a real server that goes away.
 */
import { execFile } from 'node:child_process';
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { encryptSopsFile } from '@keyfall/provider-sops';
import { sharedVaultServer, type VaultServer } from '@keyfall/testkit';
import { expect, test } from 'vitest';
import { ageKey, folderWith, install, keyfall } from './keyfall.ts';

const canary = 'canary-value-5d0e';
const file = 'secrets.enc.yaml';
const chain = {
  providers: [
    { provider: 'vault', path: 'shop' },
    { provider: 'sops', path: file, name: 'snapshot', standby: true },
    { provider: 'dotenv' },
  ],
};

/** A shop whose secrets are in Vault, and one more in its `.env`. */
async function shop(): Promise<{
  cwd: string;
  server: VaultServer;
  mount: string;
  env: Record<string, string>;
  store: (data: object) => Promise<unknown>;
}> {
  const server = await sharedVaultServer();
  const mount = await server.mountKv();
  const cwd = await folderWith(`LOCAL=${canary}-local\n`);
  await install(
    cwd,
    '@keyfall/provider-sops',
    '@keyfall/provider-vault',
    '@keyfall/provider-dotenv',
  );
  await writeFile(join(cwd, 'keyfall.config.json'), JSON.stringify(chain));
  const store = (data: object) => server.request('POST', `${mount}/data/shop`, { data });
  await store({ TOKEN: canary, KEY: 'line 1\nline 2' });
  const env = {
    VAULT_ADDR: server.address,
    VAULT_TOKEN: server.token,
    VAULT_MOUNT_POINT: mount,
    SOPS_AGE_KEY_FILE: ageKey.file,
  };
  return { cwd, server, mount, env, store };
}

/** A store that is down: connections are refused. */
const nowhere = { VAULT_ADDR: 'http://127.0.0.1:1' };

const take = ['snapshot', '--recipient', ageKey.recipient];

test('with the store down and no plain text on the disk the program starts', async () => {
  const { cwd, env } = await shop();
  // the key that opens it is not needed to take it
  const { SOPS_AGE_KEY_FILE: _, ...publicEnv } = env;
  const down: Record<string, string> = { ...env, ...nowhere };
  const taken = await keyfall(take, { cwd, env: publicEnv });
  expect(taken).toMatchObject({ code: 0, stdout: '' });
  expect(taken.stderr).toMatch(/^keyfall: .* 3 names .*\bsecrets\.enc\.yaml, .*\b1 key\.$/m);
  expect(taken.output).not.toContain('canary');
  expect((await stat(join(cwd, file))).mode & 0o777).toBe(0o600);
  await rm(join(cwd, '.env'));

  for (const name of await readdir(cwd))
    if (name !== 'node_modules')
      expect(await readFile(join(cwd, name), 'utf8')).not.toMatch(/canary|line 1/);
  const show = 'echo "$TOKEN $LOCAL $KEY"';
  const run = await keyfall(['run', '--', 'sh', '-c', show], { cwd, env: down });
  expect(run).toMatchObject({ code: 0, stdout: `${canary} ${canary}-local line 1\nline 2\n` });
  expect(run.stderr).toMatch(/^keyfall: vault \(.*\) .* 3 names .*secrets\.enc\.yaml/m);
  const { SOPS_AGE_KEY_FILE: __, ...locked } = down;
  const without = await keyfall(['run', '--', 'sh', '-c', show], { cwd, env: locked });
  expect(without.code).not.toBe(0);
  expect(without.stdout).toBe('');
});

test('a name that is gone does not live on in the snapshot', async () => {
  const { cwd, env, store } = await shop();
  await keyfall(take, { cwd, env });
  await store({ OTHER: 'x' });
  const again = await keyfall([...take, '--json'], { cwd, env });
  expect(JSON.parse(again.stdout)).toEqual({
    file,
    names: ['OTHER', 'LOCAL'],
    left: [],
    recipients: [ageKey.recipient],
  });
});

test('while a provider cannot be asked the last snapshot stays as it is', async () => {
  const { cwd, env, server, mount } = await shop();
  await keyfall(take, { cwd, env });
  const before = await readFile(join(cwd, file), 'utf8');
  const result = await keyfall(take, { cwd, env: { ...env, ...nowhere } });
  expect(result).toMatchObject({ code: 3, stderr: expect.stringContaining(file) });
  const denied = await keyfall(take, { cwd, env: { ...env, VAULT_TOKEN: 'hvs.wrong' } });
  expect(denied.code).toBe(4);
  // a document that is gone, or whose path is mistyped, would leave the .env alone in it
  await server.request('DELETE', `${mount}/metadata/shop`);
  const gone = await keyfall(take, { cwd, env });
  expect(gone).toMatchObject({ code: 3, stderr: expect.stringContaining(`${mount}/shop`) });
  expect(await readFile(join(cwd, file), 'utf8')).toBe(before);
});

test('a secret that expires is named, and is not in the snapshot', async () => {
  const cwd = await folderWith();
  await install(cwd, '@keyfall/provider-sops');
  const config = `export default {
    providers: () => [{
      name: 'database', store: 'database',
      read: async () => ({ complete: true, entries: new Map([
        ['DB_USER', { value: '${canary}', lease: { id: 'x', renewable: true, duration: 60000 } }],
        ['DB_HOST', { value: 'db' }],
      ]) }),
    }],
  };`;
  await writeFile(join(cwd, 'keyfall.config.mjs'), config);
  const result = await keyfall([...take, '--json'], { cwd });
  expect(result).toMatchObject({ code: 0, stderr: expect.stringContaining('DB_USER') });
  expect(JSON.parse(result.stdout)).toMatchObject({ names: ['DB_HOST'], left: ['DB_USER'] });
  expect(await readFile(join(cwd, file), 'utf8')).not.toContain('DB_USER');
});

test('a snapshot may hold a part of the names, be encrypted to several keys, and have another format', async () => {
  const { cwd, env } = await shop();
  const SOPS_AGE_RECIPIENTS = `${ageKey.recipient}, ${ageKey.recipient}`;
  const result = await keyfall(['snapshot', 'shop.enc.json', '--only', 'TOKEN'], {
    cwd,
    env: { ...env, SOPS_AGE_RECIPIENTS },
  });
  expect(result).toMatchObject({
    code: 0,
    stderr: expect.stringMatching(/ 1 name .*\bshop\.enc\.json, .*\b2 keys\.$/m),
  });
  const text = await readFile(join(cwd, 'shop.enc.json'), 'utf8');
  expect(text).not.toContain('canary');
  expect(JSON.parse(text)).toMatchObject({ TOKEN: expect.stringContaining('ENC[AES256_GCM') });
  const missing = await keyfall([...take, '--only', 'NONE'], { cwd, env });
  expect(missing.code).toBe(1);
});

test('a snapshot of any format is replaced, and no other file is', async () => {
  const cwd = await folderWith(`TOKEN=${canary}\nGONE=${canary}\n`);
  await install(cwd, '@keyfall/provider-sops');
  const forms = ['yaml', 'yml', 'json', 'env', 'ini'].map((form) => `shop.enc.${form}`);
  const takeAll = () => Promise.all(forms.map((form) => keyfall([...take, form], { cwd })));
  await takeAll();
  // a name that is gone from the chain does not keep the snapshot from being replaced
  await writeFile(join(cwd, '.env'), `TOKEN=${canary}\n`);
  expect((await takeAll()).map(({ code }) => code)).toEqual([0, 0, 0, 0, 0]);
  for (const form of forms) expect(await readFile(join(cwd, form), 'utf8')).not.toContain('GONE');
  const others = {
    '.env': `TOKEN=${canary}\n`,
    'compose.yaml': 'services:\n  sops:\n    image: sops\n',
    'make.yaml': 'sops:\n\tmake encrypt\n',
    'build.yml': 'sops:\n  - make encrypt\n',
    'bytes.json': '\xff{"sops": {}}',
  };
  for (const [other, text] of Object.entries(others)) {
    await writeFile(join(cwd, other), text, 'latin1');
    const result = await keyfall([...take, other], { cwd });
    expect(result).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(other),
    });
    expect(result.output).not.toContain('canary');
    expect(await readFile(join(cwd, other), 'latin1')).toBe(text);
  }
  await promisify(execFile)('mkfifo', [join(cwd, 'pipe.yaml')]);
  expect((await keyfall([...take, 'pipe.yaml'], { cwd })).code).toBe(5);
});

test.each(['yaml', 'json', 'env', 'ini'])(
  'an encrypted %s that holds what the chain does not is replaced with --force alone',
  async (form) => {
    const cwd = await folderWith(`X=${canary}\n`);
    await install(cwd, '@keyfall/provider-sops', '@keyfall/provider-dotenv');
    const team = join(cwd, `team.enc.${form}`);
    const providers = [
      { provider: 'dotenv' },
      { provider: 'sops', path: `team.enc.${form}`, ageKeyFile: ageKey.file },
    ];
    await writeFile(join(cwd, 'keyfall.config.json'), JSON.stringify({ providers }));
    const values = new Map([
      ['A', `${canary}-a`],
      ['X', `${canary}-x`],
    ]);
    await encryptSopsFile(team, values, { ageRecipients: [ageKey.recipient] });
    const before = await readFile(team);
    const args = [...take, `team.enc.${form}`];
    const refused = await keyfall(args, { cwd });
    expect(refused).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/: A .*--force/),
    });
    expect(refused.output).not.toContain('canary');
    // also where it is the value alone that would be lost
    await writeFile(join(cwd, '.env'), `A=${canary}\nX=${canary}\n`);
    const same = await keyfall(args, { cwd });
    expect(same).toMatchObject({ code: 1, stderr: expect.stringContaining('--force') });
    expect(await readFile(team)).toEqual(before);
    expect(await keyfall([...args, '--force'], { cwd })).toMatchObject({
      code: 0,
      stderr: expect.stringContaining(' 2 names '),
    });
    expect((await keyfall(args, { cwd })).code).toBe(0);
  },
);

test.each(['yaml', 'json', 'env', 'ini'])(
  'a snapshot of the format %s that was changed is no longer replaced without --force',
  async (form) => {
    const cwd = await folderWith(`X=${canary}\n`);
    await install(cwd, '@keyfall/provider-sops');
    const path = join(cwd, `shop.enc.${form}`);
    const args = [...take, `shop.enc.${form}`];
    expect((await keyfall(args, { cwd })).code).toBe(0);
    const env = { SOPS_AGE_KEY_FILE: ageKey.file };
    await writeFile(
      join(cwd, 'keyfall.config.json'),
      JSON.stringify({ providers: [{ provider: 'sops', path: `shop.enc.${form}` }] }),
    );
    const set = await keyfall(['set', 'NEW'], { cwd, env, input: 'held nowhere else' });
    expect(set.code).toBe(0);
    const before = await readFile(path);
    const refused = await keyfall(['--no-config', ...args], { cwd });
    expect(refused).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/\bNEW\b.*--force/),
    });
    expect(await readFile(path)).toEqual(before);
  },
);

test('without a name to write, the last snapshot stays', async () => {
  const { cwd, env, store } = await shop();
  await keyfall(take, { cwd, env });
  const before = await readFile(join(cwd, file));
  await store({});
  await writeFile(join(cwd, '.env'), '');
  for (const args of [take, [...take, '--force']]) {
    const result = await keyfall(args, { cwd, env });
    expect(result).toMatchObject({ code: 1, stdout: '' });
  }
  expect(await readFile(join(cwd, file))).toEqual(before);
});

test.each([
  ['without a recipient', ['snapshot'], 'age-keygen'],
  ['for a recipient that is not a key', ['snapshot', '--recipient', 'age1wrong'], 'recipient'],
  [
    'for a secret key instead of a public one',
    ['snapshot', '--recipient', `AGE-SECRET-KEY-1${'Q'.repeat(58)}`],
    'recipient',
  ],
  [
    'in an unknown format',
    ['snapshot', 'x.txt', '--recipient', ageKey.recipient],
    '.yaml, .json, .env or .ini.',
  ],
])('a snapshot %s is refused', async (_, args, why) => {
  const cwd = await folderWith(`TOKEN=${canary}\n`);
  await install(cwd, '@keyfall/provider-sops');
  const result = await keyfall(args, { cwd });
  expect(result.code).toBe(2);
  expect(result.stderr.toLowerCase()).toContain(why.toLowerCase());
  expect(result.output).not.toMatch(/canary|QQQQ/);
});

test('a broken snapshot is reported while the store answers, and ends a command only when it does not', async () => {
  const { cwd, env } = await shop();
  const { SOPS_AGE_KEY_FILE: _, ...locked } = env;
  const show = ['run', '--', 'sh', '-c', 'echo "$TOKEN $LOCAL"'];
  const said = 'keyfall: snapshot (secrets.enc.yaml) ';
  const starts = async (given: Record<string, string>) => {
    const run = await keyfall(show, { cwd, env: given });
    expect(run).toMatchObject({ code: 0, stdout: `${canary} ${canary}-local\n` });
    expect(run.stderr).toContain(said);
  };
  await starts(env);
  expect((await keyfall(take, { cwd, env })).code).toBe(0);
  const healthy = await keyfall(show, { cwd, env });
  expect(healthy).toMatchObject({ code: 0, stdout: `${canary} ${canary}-local\n` });
  expect(healthy.stderr).not.toContain('snapshot');
  await starts(locked);
  const whole = await readFile(join(cwd, file), 'utf8');
  await writeFile(
    join(cwd, file),
    whole.replace(/ENC\[AES256_GCM,data:..../, (text) => `${text.slice(0, -4)}AAAA`),
  );
  await starts(env);

  const list = await keyfall(['list'], { cwd, env });
  expect(list).toMatchObject({ code: 0, stdout: 'KEY\nLOCAL\nTOKEN\n' });
  const explain = await keyfall(['explain', 'LOCAL'], { cwd, env });
  expect(explain.stdout).toMatch(/^ +\d+\. snapshot \(secrets\.enc\.yaml\) .*standby/m);
  expect((await keyfall(['get', 'GONE'], { cwd, env })).code).toBe(1);
  const status = await keyfall(['status'], { cwd, env });
  expect(status.code).toBe(0);
  expect(status.stdout).toMatch(/\(secrets\.enc\.yaml\), on standby\n[\s\S]*failing +MAC/);
  const doctor = await keyfall(['doctor'], { cwd, env });
  expect(doctor.code).toBe(1);
  expect(doctor.stderr).toMatch(/^keyfall: \d+ things?\b/m);

  // a provider that is always asked still stops everything, since it may hold names that no other does
  const asked = JSON.stringify({
    providers: chain.providers.map(({ standby: __, ...each }: Record<string, unknown>) => each),
  });
  await writeFile(join(cwd, 'asked.config.json'), asked);
  expect((await keyfall(['--config', 'asked.config.json', ...show], { cwd, env })).code).toBe(5);

  const down = await keyfall(show, { cwd, env: { ...env, ...nowhere } });
  expect(down).toMatchObject({ code: 5, stdout: '' });
  const unopened = await keyfall(show, { cwd, env: { ...locked, ...nowhere } });
  expect(unopened).toMatchObject({ code: 2, stdout: '' });
  // a user who repairs the snapshot has to know of the store, too
  expect(unopened.stderr).toMatch(/^keyfall: vault \(.*\n[\s\S]*snapshot/);
  for (const { output } of [healthy, list, explain, status, doctor, down, unopened])
    expect(output.replaceAll(`${canary} ${canary}-local`, '')).not.toContain('canary');
});

test('a provider on standby that was not asked is not said to lack anything', async () => {
  const { cwd, mount, env } = await shop();
  const providers = [
    { provider: 'vault', path: 'never-written' },
    { provider: 'dotenv', standby: true },
  ];
  await writeFile(join(cwd, 'keyfall.config.json'), JSON.stringify({ providers }));
  const list = await keyfall(['list'], { cwd, env });
  expect(list).toMatchObject({ code: 0, stdout: '' });
  expect(list.stderr).toContain(`${mount}/never-written`);
  expect(list.stderr).not.toContain('dotenv');
});

test('a configuration that puts the wrong provider on standby is refused with the place in the file', async () => {
  const cwd = await folderWith('A=a\n');
  const dotenv = { provider: 'dotenv' };
  const second = { provider: 'dotenv', name: 'second', path: 'other.env', standby: true };
  const wrong: readonly [object, string][] = [
    [{ providers: [{ ...dotenv, standby: true }] }, 'providers[0].standby: '],
    [{ providers: [dotenv, second], only: { A: 'second' } }, 'only.A: '],
    [{ providers: [dotenv, { ...second, standby: 'yes' }] }, 'providers[1].standby: '],
  ];
  for (const [config, text] of wrong) {
    await writeFile(join(cwd, 'keyfall.config.json'), JSON.stringify(config, null, 1));
    const { code, stderr } = await keyfall(['list'], { cwd, env: {} });
    expect(stderr).toContain(text);
    expect(stderr).toContain('keyfall.config.json, line ');
    expect(code).toBe(2);
  }
});
