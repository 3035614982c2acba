/**
 * `keyfall init --local`: from a `.env` to an encrypted file, with nothing but the command.
 */
import { execFileSync } from 'node:child_process';
import { access, mkdir, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decryptSopsFile } from '@keyfall/provider-sops';
import { expect, test } from 'vitest';
import { testFolder } from '../../../test/test-folder.ts';
import { ageKey, folderWith, keyfall, type RunResult } from './keyfall.ts';

const canary = 'canary-8f1d2c';
const dotenv = `# shop\nTOKEN=${canary}\nDB_PASS='p ${canary}'\n`;

/** A folder with this `.env`, and the settings of a user of its own. */
async function project(text?: string) {
  const cwd = await folderWith(text);
  const env = { HOME: await testFolder(), KEYFALL_TEST: '' };
  const keys = join(env.HOME, '.config/sops/age/keys.txt');
  const run = (...args: string[]): Promise<RunResult> => keyfall(args, { cwd, env });
  return { cwd, env, keys, run };
}

test('a .env moves into an encrypted file, and programs start with it', async () => {
  const { cwd, env, keys, run } = await project(dotenv);

  const made = await run('init', '--local');

  expect(made).toMatchObject({ code: 0, stdout: '' });
  expect(made.output).not.toContain(canary);
  expect(made.stderr).toContain(`made an age key for you in ${keys}, since no keychain took it.`);
  expect(made.stderr).toContain('2 names written to sops (secrets.enc.env)');
  expect(await readFile(join(cwd, '.env'), 'utf8')).toBe('# shop\n');
  for (const file of ['secrets.enc.env', 'keyfall.config.json'])
    expect(await readFile(join(cwd, file), 'utf8')).not.toContain(canary);
  expect((await stat(keys)).mode & 0o777).toBe(0o600);
  expect((await stat(join(keys, '..'))).mode & 0o777).toBe(0o700);
  expect(await decryptSopsFile(join(cwd, 'secrets.enc.env'), { ageKeyFile: keys })).toEqual({
    TOKEN: canary,
    DB_PASS: `p ${canary}`,
  });

  expect((await run('get', 'TOKEN')).stdout).toBe(`${canary}\n`);
  expect((await run('run', '--', 'printenv', 'DB_PASS')).stdout).toBe(`p ${canary}\n`);
  const stored = await keyfall(['set', 'NEW'], { cwd, env, input: `new ${canary}` });
  expect(stored).toMatchObject({ code: 0, stdout: '' });
  expect((await run('list')).stdout).toBe('DB_PASS\nNEW\nTOKEN\n');
});

test('a key that is there already is used, and no other is made', async () => {
  const { cwd, env, keys } = await project(dotenv);
  const variables = { ...env, SOPS_AGE_KEY_FILE: ageKey.file };

  const made = await keyfall(['init', '--local'], { cwd, env: variables });

  expect(made.code).toBe(0);
  expect(made.stderr).not.toContain('made an age key');
  await expect(access(keys)).rejects.toThrow('ENOENT');
  expect(await readFile(join(cwd, 'secrets.enc.env'), 'utf8')).toContain(ageKey.recipient);
});

test('where the key is kept can be said, and is not changed for a key that is there', async () => {
  const { cwd, keys, run } = await project(dotenv);
  const refused = await run('init', '--local', '--key-in', 'keychain');
  expect(refused).toMatchObject({ code: 3, stderr: expect.stringContaining('no keychain') });
  expect(await readdir(cwd)).toEqual(['.env']);
  await expect(access(keys)).rejects.toThrow('ENOENT');

  const made = await run('init', '--local', '--key-in', 'file');
  expect(made).toMatchObject({ code: 0, stderr: expect.stringContaining(`for you in ${keys}.`) });
  expect(await run('share', 'key', '--key-in', 'keychain')).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^age1/),
    stderr: expect.stringContaining('you have an age key already'),
  });
  expect(await run('init', '--yes', '--key-in', 'file')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('--local'),
  });
});

test('without a .env the first secret is stored by hand', async () => {
  const { cwd, env, run } = await project();

  const made = await run('init', '--local');

  expect(made.code).toBe(0);
  expect(made.stderr).toContain('`keyfall set NAME`');
  expect((await keyfall(['set', 'TOKEN'], { cwd, env, input: canary })).code).toBe(0);
  expect((await run('get', 'TOKEN')).stdout).toBe(`${canary}\n`);
});

test('git gets the encrypted file, and neither the .env nor the copy of it', async () => {
  const { cwd, run } = await project(dotenv);
  const git = (...args: string[]) => execFileSync('git', args, { cwd, encoding: 'utf8' });
  git('init', '--quiet');
  await writeFile(join(cwd, '.gitignore'), 'node_modules');

  expect((await run('init', '--local')).stderr).toContain(
    'added .env and .env.backup.* to .gitignore',
  );

  expect(await readFile(join(cwd, '.gitignore'), 'utf8')).toBe(
    'node_modules\n.env\n.env.backup.*\n',
  );
  git('add', '--all');
  expect(git('ls-files').split('\n').sort().filter(Boolean)).toEqual([
    '.gitignore',
    'keyfall.config.json',
    'secrets.enc.env',
  ]);
  expect(git('diff', '--cached')).not.toContain(canary);
});

test('a .gitignore that leads elsewhere is not written to', async () => {
  const { cwd, run } = await project(dotenv);
  const elsewhere = join(await testFolder(), 'profile');
  await writeFile(elsewhere, 'mine\n');
  execFileSync('git', ['init', '--quiet'], { cwd });
  await symlink(elsewhere, join(cwd, '.gitignore'));

  const made = await run('init', '--local');

  expect(made.code).toBe(0);
  expect(made.stderr).toContain('add .env.backup.* to .gitignore');
  expect(await readFile(elsewhere, 'utf8')).toBe('mine\n');
});

test.each([
  ['a .env that git tracks', dotenv, true, /git tracks \.env/],
  ['a .env that programs read differently', `A="x\n${dotenv}`, false, /\.env/],
  ['a .env that cannot be read', Buffer.from([0x41, 0x3d, 0xff, 0xfe, 0x0a]), false, /UTF-8/],
])('%s stays as it is, and there is no configuration', async (_, text, isTracked, said) => {
  const { cwd, run } = await project(String(text));
  await writeFile(join(cwd, '.env'), text);
  if (isTracked) {
    execFileSync('git', ['init', '--quiet'], { cwd });
    execFileSync('git', ['add', '.env'], { cwd });
  }

  const made = await run('init', '--local');

  expect(made.code).not.toBe(0);
  expect(made.stderr).toMatch(said);
  expect(made.output).not.toContain(canary);
  expect((await readFile(join(cwd, '.env'))).equals(Buffer.from(text))).toBe(true);
  expect((await readdir(cwd)).filter((name) => name !== '.git')).toEqual(['.env']);
});

test('run again after it was ended in the middle, it goes on', async () => {
  const { cwd, run } = await project();
  // as a process leaves it that is killed before it has moved anything
  expect((await run('init', '--local')).code).toBe(0);
  await writeFile(join(cwd, '.env'), dotenv);

  const again = await run('init', '--local');

  expect(again).toMatchObject({ code: 0, stderr: expect.stringContaining('kept keyfall.config') });
  expect(await readFile(join(cwd, '.env'), 'utf8')).toBe('# shop\n');
  expect((await run('get', 'TOKEN')).stdout).toBe(`${canary}\n`);
  expect(await run('init', '--local')).toMatchObject({ code: 0 });
  expect(await run('init', '--local', '--names', 'TOKEN')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('there is a keyfall.config.json already'),
  });
});

test('the options that its errors propose are options of it', async () => {
  const { cwd, run } = await project(dotenv);
  expect((await run('init', '--local')).code).toBe(0);
  await rm(join(cwd, 'keyfall.config.json'));
  await writeFile(join(cwd, '.env'), 'TOKEN=other\n');
  execFileSync('git', ['init', '--quiet'], { cwd });
  execFileSync('git', ['add', '.env'], { cwd });

  const proposed = { tracked: '--force', held: '--on-conflict' };
  const tracked = await run('init', '--local');
  expect(tracked).toMatchObject({ code: 2, stderr: expect.stringContaining(proposed.tracked) });
  const held = await run('init', '--local', '--force');
  expect(held).toMatchObject({ code: 1, stderr: expect.stringContaining(proposed.held) });
  expect((await readdir(cwd)).includes('keyfall.config.json')).toBe(false);
  expect((await run('init', '--local', '--force', '--on-conflict', 'overwrite')).code).toBe(0);
  expect((await run('get', 'TOKEN')).stdout).toBe('other\n');
  for (const option of [['--force'], ['--on-conflict', 'keep']])
    expect(await run('init', '--yes', ...option)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--local'),
    });
});

test('whose reading of the .env counts is in the configuration afterwards', async () => {
  const { cwd, run } = await project('A="x\\ty"\n');

  const made = await run('init', '--local', '--reader', 'python');

  expect(made).toMatchObject({ code: 0, stderr: expect.not.stringContaining('--reader') });
  expect(await readFile(join(cwd, 'keyfall.config.json'), 'utf8')).toContain('"reader": "python"');
  expect((await run('get', 'A')).stdout).toBe('x\ty\n');
  await writeFile(join(cwd, '.env'), 'B="x\\ty"\n');
  expect((await run('run', '--', 'printenv', 'B')).stdout).toBe('x\ty\n');
});

test('a configuration that is there stays, and a file of keys that has none is not touched', async () => {
  const { cwd, keys, run } = await project(dotenv);
  await mkdir(join(keys, '..'), { recursive: true });
  await writeFile(keys, '# my keys\n');
  const refused = await run('init', '--local');
  expect(refused).toMatchObject({
    code: 1,
    stderr: expect.stringContaining(`${keys} has no age key that can be used`),
  });
  expect(await readFile(keys, 'utf8')).toBe('# my keys\n');

  await writeFile(join(cwd, 'keyfall.config.json'), '{}');
  expect(await run('init', '--local')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('there is a keyfall.config.json already'),
  });
});

test('one command moves the secrets on to another store', async () => {
  const { cwd, run } = await project(dotenv);
  await run('init', '--local');
  const moved = await run('migrate', '--yes', '--from', 'sops', '--to', 'dotenv:moved.env');
  expect(moved.code).toBe(0);
  expect(await readFile(join(cwd, 'moved.env'), 'utf8')).toContain(canary);
});

test('options of a server are refused', async () => {
  const { run } = await project(dotenv);
  const refused = await run('init', '--local', '--path', 'shop');
  expect(refused.code).toBe(2);
  expect(refused.stderr).toContain('--local');
});
