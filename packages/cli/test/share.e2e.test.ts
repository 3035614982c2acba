/**
 * `keyfall share`: a file of a team, from its first member to one who leaves.
 */
import { execFileSync } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { encryptSopsFile } from '@keyfall/provider-sops';
import { expect, test } from 'vitest';
import { testFolder } from '../../../test/test-folder.ts';
import { ageKey, finished, folderWith, keyfall, type RunResult, start } from './keyfall.ts';

const canary = 'canary-4b1ce0';
const file = 'secrets.enc.env';

const keyFile = (name: string) =>
  fileURLToPath(new URL(`../../provider-sops/test/fixtures/keys/${name}`, import.meta.url));
const keyText = (name: string) => readFile(keyFile(name), 'utf8');

/** A user of the project in a folder, with a home of their own. */
async function userIn(cwd: string) {
  const env = { HOME: await testFolder() };
  const run = (...args: string[]): Promise<RunResult> => keyfall(args, { cwd, env });
  const piped = (input: string, ...args: string[]) => finished(start(args, { cwd, env }), input);
  return { run, piped, env };
}

/** A project whose file one user has made. */
async function project() {
  const cwd = await folderWith(`TOKEN=${canary}\nDB_PASS='p ${canary}'\n`);
  const ann = await userIn(cwd);
  expect((await ann.run('init', '--local')).code).toBe(0);
  const text = () => readFile(join(cwd, file), 'utf8');
  return { cwd, ann, text };
}

test('a colleague gets the secrets by a public key, and loses the new ones again', async () => {
  const { cwd, ann, text } = await project();
  const ben = await userIn(cwd);

  const key = await ben.run('share', 'key');
  expect(key).toMatchObject({ code: 0, stdout: expect.stringMatching(/^age1[a-z0-9]{58}\n$/) });
  const bens = key.stdout.trim();
  expect(await ben.run('share', 'key')).toMatchObject({ code: 0, stdout: key.stdout, stderr: '' });
  expect((await ben.run('get', 'TOKEN')).code).toBe(4);

  const before = await text();
  const added = await ann.run('share', 'add', bens);
  expect(added).toMatchObject({ code: 0, stdout: '' });
  expect(added.stderr).toContain(bens);
  expect((await ben.run('get', 'TOKEN')).stdout).toBe(`${canary}\n`);
  // of the names, in a review, nothing has changed
  const values = (content: string) => content.split('\n').filter((line) => !/^sops_age/.test(line));
  expect(values(await text())).toEqual(values(before));

  const list = await ann.run('share');
  const anns = (await ann.run('share', 'key')).stdout;
  expect(list).toMatchObject({ code: 0, stdout: `${anns}${bens}\n` });
  expect(list.stderr).toContain(anns.trim());
  expect(list.stderr).not.toContain(bens);
  expect(JSON.parse((await ben.run('share', 'list', '--json')).stdout)).toEqual({
    file,
    recipients: [
      { recipient: anns.trim(), isOwn: false },
      { recipient: bens, isOwn: true },
    ],
    others: [],
  });

  const removed = await ann.run('share', 'remove', bens);
  expect(removed).toMatchObject({ code: 0, stdout: '' });
  expect(removed.stderr).toMatch(/DB_PASS and TOKEN|TOKEN and DB_PASS/);
  expect(removed.stderr).toMatch(/history of git/);
  expect((await ben.run('get', 'TOKEN')).code).toBe(4);
  expect((await ann.run('get', 'DB_PASS')).stdout).toBe(`p ${canary}\n`);
  for (const { output } of [key, added, list, removed])
    expect(output).not.toMatch(/canary|AGE-SECRET/);
});

test('the own secret key is printed on demand alone, and none is made for that', async () => {
  const { cwd, ann } = await project();
  const ben = await userIn(cwd);
  const none = await ben.run('share', 'key', '--secret');
  expect(none).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('share key') });
  const printed = await ann.run('share', 'key', '--secret');
  expect(printed).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^AGE-SECRET-KEY-1[A-Z0-9]{58}\n$/),
    stderr: '',
  });
  const given = { cwd, env: { SOPS_AGE_KEY: printed.stdout } };
  expect((await keyfall(['get', 'TOKEN'], given)).stdout).toBe(`${canary}\n`);
  for (const args of [['list'], ['add', ageKey.recipient], ['key', '--json']]) {
    const refused = await ann.run('share', ...args, '--secret');
    expect(refused).toMatchObject({ code: 2, stdout: '' });
    expect(refused.stderr).toContain('--secret');
  }
});

test('what two members change at once is brought together, name by name', async () => {
  const { cwd, ann } = await project();
  const who = ['-c', 'user.name=ann', '-c', 'user.email=ann@example.com'];
  const git = (...args: string[]) => execFileSync('git', [...who, ...args], { cwd });
  const commit = () => git('commit', '--quiet', '--all', '--message', 'change');
  git('init', '--quiet', '--initial-branch', 'main');
  git('add', '--all');
  commit();
  git('checkout', '--quiet', '-b', 'theirs');
  await ann.piped('theirs', 'set', 'THEIRS');
  await ann.piped('of them', 'set', 'TOKEN');
  commit();
  git('checkout', '--quiet', 'main');
  await ann.piped('ours', 'set', 'OURS');
  await ann.piped('of us', 'set', 'TOKEN');
  commit();
  expect(() => git('merge', '--quiet', 'theirs')).toThrow();
  const refused = await ann.run('list');
  expect(refused).toMatchObject({ code: 5, stdout: '' });
  expect(refused.stderr).toContain('git checkout --ours');

  git('checkout', '--ours', file);
  await writeFile(join(cwd, 'theirs.enc.env'), git('show', `MERGE_HEAD:${file}`));
  const bring = ['migrate', '--yes', '--from', 'sops:theirs.enc.env', '--to', 'sops'];
  expect(await ann.run(...bring)).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/other values for TOKEN,/),
  });
  expect((await ann.run(...bring, '--on-conflict', 'keep')).code).toBe(0);

  expect((await ann.run('export', '--format', 'json')).stdout).toContain('"THEIRS": "theirs"');
  expect((await ann.run('get', 'OURS')).stdout).toBe('ours\n');
  expect((await ann.run('get', 'TOKEN')).stdout).toBe('of us\n');
});

test('keys of SSH come from a file, from stdin or in quotes, and go by their comment', async () => {
  const { ann, cwd, text } = await project();
  const rsa = (await keyText('rsa.pub')).trim();
  const [type, blob] = (await keyText('ed25519.pub')).split(' ');
  await writeFile(join(cwd, 'team.pub'), `# the team\n${type} ${blob} ada@laptop\n\n`);

  expect((await ann.run('share', 'add', 'team.pub', rsa)).code).toBe(0);
  expect(await text()).toContain(`${type} ${blob} ada@laptop`);
  const ada = { cwd, env: { SOPS_AGE_SSH_PRIVATE_KEY_FILE: keyFile('ed25519') } };
  expect((await keyfall(['get', 'TOKEN'], ada)).stdout).toBe(`${canary}\n`);
  // as github.com lists the keys of a user
  const github = `ecdsa-sha2-nistp256 AAAAE2VjZHNh\n${type} ${blob}\n`;
  const piped = await ann.piped(`${github}${ageKey.recipient}\n`, 'share', 'add', '-', '--json');
  expect(piped.code).toBe(0);
  expect(piped.stderr).toContain('1 key of stdin');
  expect(JSON.parse(piped.stdout)).toMatchObject({
    file,
    added: [ageKey.recipient],
    removed: [],
    exposed: [],
  });

  const again = await ann.run('share', 'add', 'team.pub');
  expect(again).toMatchObject({ code: 0, stderr: expect.stringContaining('nothing changed') });
  const removed = await ann.run('share', 'remove', 'ada@laptop', '--json');
  expect(JSON.parse(removed.stdout)).toMatchObject({
    removed: [`${type} ${blob} ada@laptop`],
    exposed: ['TOKEN', 'DB_PASS'],
    recipients: [expect.stringMatching(/^age1/), rsa, ageKey.recipient],
  });
  expect((await keyfall(['get', 'TOKEN'], ada)).code).toBe(4);
});

test('the last key and the own one stay, the own one unless it is forced', async () => {
  const { ann, text } = await project();
  const own = (await ann.run('share', 'key')).stdout.trim();
  const before = await text();
  for (const args of [
    ['remove', own],
    ['remove', own, '--force'],
    ['remove', ageKey.recipient],
  ])
    expect((await ann.run('share', ...args)).code).toBe(2);
  expect(await text()).toBe(before);
  await ann.run('share', 'add', ageKey.recipient);
  const refused = await ann.run('share', 'remove', own);
  expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining(own) });
  expect((await ann.run('share', 'remove', own, '--force')).code).toBe(0);
  expect((await ann.run('share', 'list')).stdout).toBe(`${ageKey.recipient}\n`);
});

test.each([
  ['a secret key of age', async () => /AGE-SECRET\S+/.exec(await keyText('two.txt'))?.[0] ?? ''],
  ['a file with one', async () => keyFile('two.txt')],
  ['a private key of SSH', async () => keyText('ed25519')],
  ['a file with one', async () => keyFile('ed25519')],
  ['a key with a typing error', async () => `${ageKey.recipient.slice(0, -1)}q`],
  ['a file that is not there', async () => 'no-such-file.pub'],
  ['a file of other lines', async () => '.gitignore'],
  ['the type of a key alone', async () => 'ssh-ed25519'],
])('%s is refused, and not shown', async (_, given) => {
  const { ann, cwd, text } = await project();
  await writeFile(join(cwd, '.gitignore'), `${canary}\n`);
  const before = await text();
  for (const args of [['add', '--'], ['add'], ['remove', '--'], []]) {
    const result = await ann.run('share', ...args, await given());
    expect(result).toMatchObject({ code: 2, stdout: '' });
    expect(result.output).not.toMatch(/canary|AGE-SECRET|PRIVATE KEY|b3BlbnNzaC/);
  }
  expect(await text()).toBe(before);
});

test.each([
  [['share', 'add'], 'recipient'],
  [['share', 'remove'], 'recipient'],
  [['share', 'list', 'age1x'], 'list'],
  [['share', 'lend'], 'list, add, remove, key'],
])('%j is refused, naming %s', async (args, why) => {
  const { ann } = await project();
  expect(await ann.run(...args)).toMatchObject({ code: 2, stderr: expect.stringContaining(why) });
});

test('a chain without an encrypted file says so, and another file can be named', async () => {
  const cwd = await folderWith('A=1\n');
  const ann = await userIn(cwd);
  expect(await ann.run('share')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('--file'),
  });
  const ageRecipients = [ageKey.recipient];
  await encryptSopsFile(join(cwd, 'other.json'), new Map([['A', canary]]), { ageRecipients });
  const providers = [
    { provider: 'dotenv' },
    { provider: 'sops', path: 'other.json', standby: true, ageKeyFile: ageKey.file },
  ];
  await writeFile(join(cwd, 'keyfall.config.json'), JSON.stringify({ providers }));
  // a snapshot is encrypted anew, and for others, by the next one
  expect((await ann.run('share')).code).toBe(2);
  expect(await ann.run('share', 'list', '--file', 'other.json')).toMatchObject({
    code: 0,
    stdout: `${ageKey.recipient}\n`,
  });
  const env = { ...ann.env, SOPS_AGE_KEY_FILE: ageKey.file };
  const own = (await ann.run('share', 'key')).stdout.trim();
  const added = await keyfall(['share', 'add', own, '--file', 'other.json'], { cwd, env });
  expect(added.code).toBe(0);
  expect(JSON.parse(await readFile(join(cwd, 'other.json'), 'utf8')).sops.age).toHaveLength(2);
  expect(await ann.run('share', 'list', '--file', 'none.json')).toMatchObject({ code: 2 });
});

test('the keys of the configuration open the file, and its .sops.yaml is named', async () => {
  const cwd = await folderWith();
  await mkdir(join(cwd, 'config'));
  const path = join(cwd, 'config', 'team.enc.yaml');
  const ageRecipients = [ageKey.recipient];
  await encryptSopsFile(path, new Map([['A', canary]]), { ageRecipients });
  const providers = [{ provider: 'sops', path: 'config/team.enc.yaml', ageKeyFile: ageKey.file }];
  await writeFile(join(cwd, 'keyfall.config.json'), JSON.stringify({ providers }));
  await writeFile(join(cwd, '.sops.yaml'), `creation_rules:\n  - age: ${ageKey.recipient}\n`);
  const ann = await userIn(cwd);
  const own = (await ann.run('share', 'key')).stdout.trim();
  const added = await ann.run('share', 'add', own);
  expect(added).toMatchObject({ code: 0, stderr: expect.stringContaining('.sops.yaml') });
  const removed = await ann.run('share', 'remove', own);
  expect(removed.code).toBe(0);
  expect(removed.stderr).not.toContain('.sops.yaml');
});
