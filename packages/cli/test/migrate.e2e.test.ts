/**
 * `keyfall migrate` against a real server: what it writes, what it leaves alone, and what it undoes.
 */
import { execFile } from 'node:child_process';
import {
  chmod,
  chown,
  link,
  mkdir,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeEach, describe, expect, test } from 'vitest';
import { folderWith, keyfall } from './keyfall.ts';
import { transcript } from './transcript.ts';
import { vaultDocuments } from './vault-documents.ts';

const canary = 'canary-value-91d2';
const dotenv = `# the shop\r\nTOKEN='${canary}'   # from BotFather\r\nKEY="line 1\nline 2"\nEMPTY=\nVAULT_TOKEN=never\nUSE_VAULT=false\n`;
const migrated = { TOKEN: canary, KEY: 'line 1\nline 2', EMPTY: '' };

const vault = vaultDocuments();

async function backupsIn(cwd: string): Promise<string[]> {
  return (await readdir(cwd)).filter((name) => /^\.env\.backup\.[\dTZ]+$/.test(name));
}

test('a .env moves into Vault in one version, backed up byte for byte, and stays as it was', async () => {
  const cwd = await folderWith(dotenv);
  const result = await keyfall(['migrate', '--yes'], { cwd, env: vault.env });
  expect(result).toMatchObject({ code: 0, stdout: '' });
  expect(result.output).not.toContain(canary);
  expect(result.stderr).toMatch(/^3 names /m);
  expect(result.stderr).toContain('USE_VAULT=true');
  // that the path held nothing before, and does now, is what was asked for
  expect(result.stderr).not.toMatch(/warning|KEYFALL_|has nothing|answers again|conditional/i);
  expect(await vault.stored()).toEqual({ version: 1, data: migrated });
  expect(await readFile(join(cwd, '.env'), 'utf8')).toBe(dotenv);
  const [backup = ''] = await backupsIn(cwd);
  expect(await readFile(join(cwd, backup), 'utf8')).toBe(dotenv);
  for (const file of [backup, `${backup}.journal`])
    expect((await stat(join(cwd, file))).mode & 0o777).toBe(0o600);
  expect(await readFile(join(cwd, `${backup}.journal`), 'utf8')).not.toContain(canary);
  const run = await keyfall(['run', '--', 'printenv', 'TOKEN'], {
    cwd,
    env: { ...vault.env, USE_VAULT: 'true' },
  });
  expect(run.stdout).toBe(`${canary}\n`);
});

test('--json says what was done, and what was undone, without values', async () => {
  const cwd = await folderWith('A=canary-a\nB=canary-b\nUSE_VAULT=false\n');
  await vault.store({ B: 'theirs', C: 'c' });
  const store = `${vault.server.address} ${vault.mount}/${vault.path}`;
  const args = ['migrate', '--yes', '--on-conflict', 'overwrite', '--activate', '--json'];
  const done = await keyfall(args, { cwd, env: vault.env });
  const [backup = ''] = await backupsIn(cwd);
  expect(JSON.parse(done.stdout)).toEqual({
    source: '.env',
    store,
    dryRun: false,
    names: [
      { name: 'A', action: 'create' },
      { name: 'B', action: 'overwrite' },
      { name: 'USE_VAULT', action: 'bootstrap' },
    ],
    written: 2,
    fileChanged: true,
    backup,
  });
  const undone = await keyfall(['migrate', '--restore', backup, '--yes', '--json'], {
    cwd,
    env: vault.env,
  });
  expect(JSON.parse(undone.stdout)).toEqual({
    source: await realpath(join(cwd, '.env')),
    store,
    backup: await realpath(join(cwd, backup)),
    removed: ['A'],
    broughtBack: ['B'],
    changed: [],
    lost: [],
  });
  expect(done.output + undone.output).not.toMatch(/canary|theirs/);
  expect((await vault.stored())?.data).toEqual({ B: 'theirs', C: 'c' });
});

test('a second run changes nothing and leaves no second backup', async () => {
  const cwd = await folderWith(dotenv);
  await keyfall(['migrate', '--yes'], { cwd, env: vault.env });
  const files = await readdir(cwd);
  const second = await keyfall(['migrate'], { cwd, env: vault.env });
  // a table of names that are all the same would say nothing
  const { address } = vault.server;
  const isOff = `^keyfall: vault \\(${address} ${vault.mount}/${vault.path}\\) .*\\(3 names\\).*\nkeyfall: .*USE_VAULT=true .*--activate.*\n$`;
  expect(second).toMatchObject({ code: 0, output: expect.stringMatching(new RegExp(isOff)) });
  const isOn = { ...vault.env, USE_VAULT: 'true' };
  const third = await keyfall(['migrate'], { cwd, env: isOn });
  expect(third.output).not.toContain('USE_VAULT');
  const dry = await keyfall(['migrate', '--dry-run'], { cwd, env: vault.env });
  expect(dry.stderr).toMatch(/^ {2}TOKEN +\S/m);
  expect(await vault.stored()).toMatchObject({ version: 1 });
  expect(await readdir(cwd)).toEqual(files);
});

test('a dry run shows the plan and changes nothing', async () => {
  const cwd = await folderWith(dotenv);
  await vault.store({ KEY: 'line 1\nline 2' });
  const result = await keyfall(['migrate', '--dry-run', '--json'], { cwd, env: vault.env });
  expect(JSON.parse(result.stdout)).toEqual({
    source: '.env',
    store: `${vault.server.address} ${vault.mount}/${vault.path}`,
    dryRun: true,
    names: [
      { name: 'TOKEN', action: 'create' },
      { name: 'KEY', action: 'same' },
      { name: 'EMPTY', action: 'create' },
      { name: 'VAULT_TOKEN', action: 'bootstrap' },
      { name: 'USE_VAULT', action: 'bootstrap' },
    ],
    written: 0,
    fileChanged: false,
  });
  expect(result.stderr).toMatch(/^ {2}TOKEN +\S/m);
  expect(result.output).not.toContain(canary);
  expect(await vault.stored()).toMatchObject({ version: 1 });
  expect(await readdir(cwd)).toEqual(['.env']);
});

describe('names that the store holds with another value', () => {
  const theirs = { TOKEN: 'theirs', OTHER: 'kept' };
  beforeEach(() => vault.store(theirs));

  test('stop it, and are named', async () => {
    const cwd = await folderWith(dotenv);
    const result = await keyfall(['migrate', '--yes'], { cwd, env: vault.env });
    expect(result).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^keyfall: vault .* TOKEN\b.* --on-conflict /m),
    });
    expect(result.output).not.toContain(canary);
    expect(await vault.stored()).toEqual({ version: 1, data: theirs });
    expect(await readdir(cwd)).toEqual(['.env']);
  });

  test.each([['--dry-run'], ['--yes']])('are on stdout with --json (%s)', async (how) => {
    const cwd = await folderWith(dotenv);
    const result = await keyfall(['migrate', how, '--json'], { cwd, env: vault.env });
    expect(result.code).toBe(1);
    expect(JSON.parse(result.stdout)).toMatchObject({
      names: expect.arrayContaining([{ name: 'TOKEN', action: 'conflict' }]),
      written: 0,
    });
    expect(result.stderr).toMatch(/^keyfall: vault .* TOKEN\b.* --on-conflict /m);
    expect(result.output).not.toContain(canary);
    expect(await vault.stored()).toEqual({ version: 1, data: theirs });
  });

  test('stay with --on-conflict keep, also where there is nothing else to do', async () => {
    const cwd = await folderWith(dotenv);
    const keep = ['migrate', '--yes', '--on-conflict', 'keep'];
    await keyfall(keep, { cwd, env: vault.env });
    expect(await vault.stored()).toEqual({ version: 2, data: { ...migrated, ...theirs } });
    const again = await keyfall(keep, { cwd, env: vault.env });
    expect(again).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/^keyfall: vault .* 2 names .* TOKEN\b/m),
    });
  });

  test('are replaced with --on-conflict overwrite; a restore brings them back', async () => {
    const cwd = await folderWith(dotenv);
    await keyfall(['migrate', '--yes', '--on-conflict', 'overwrite'], { cwd, env: vault.env });
    expect(await vault.stored()).toEqual({ version: 2, data: { ...theirs, ...migrated } });
    const [backup = ''] = await backupsIn(cwd);
    const restored = await keyfall(['migrate', '--restore', backup, '--yes'], {
      cwd,
      env: vault.env,
    });
    expect(restored).toMatchObject({ code: 0 });
    expect(restored.stderr).toMatch(/^keyfall: .*\.env, .* 2 names .* vault .* TOKEN\.$/m);
    expect(restored.output).not.toMatch(/canary|theirs/);
    expect(await vault.stored()).toEqual({ version: 3, data: theirs });
    // once more finds all of it done
    const again = await keyfall(['migrate', '--restore', backup, '--yes'], { cwd, env: vault.env });
    expect(again.code).toBe(0);
    expect(await vault.stored()).toEqual({ version: 3, data: theirs });
  });

  test('are left out by --select', async () => {
    const cwd = await folderWith(dotenv);
    await keyfall(['migrate', '--yes', '--select', 'KEY'], { cwd, env: vault.env });
    expect(await vault.stored()).toEqual({ version: 2, data: { ...theirs, KEY: migrated.KEY } });
    const purge = ['migrate', '--yes', '--select', 'KEY', '--purge'];
    for (const said of [/--restore/, /^keyfall: KEY .*\.env, .* vault /m])
      expect(await keyfall(purge, { cwd, env: vault.env })).toMatchObject({
        code: 0,
        stderr: expect.stringMatching(said),
      });
    expect(await vault.stored()).toEqual({ version: 2, data: { ...theirs, KEY: migrated.KEY } });
    const result = await keyfall(['migrate', '--yes', '--select', 'KEYS'], { cwd, env: vault.env });
    expect(result).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/\.env .* KEYS, .* vault /),
    });
  });
});

test('--activate and --purge edit the file afterwards; a restore brings everything back', async () => {
  const cwd = await folderWith(dotenv);
  await chmod(join(cwd, '.env'), 0o640);
  const result = await keyfall(['migrate', '--yes', '--activate', '--purge'], {
    cwd,
    env: vault.env,
  });
  expect(result.code).toBe(0);
  const edited = await readFile(join(cwd, '.env'), 'utf8');
  expect(edited).toContain('# the shop\r\n');
  expect(edited).toContain('USE_VAULT=true\n');
  expect(edited).not.toMatch(/TOKEN='|KEY|EMPTY/);
  expect((await stat(join(cwd, '.env'))).mode & 0o777).toBe(0o640);
  expect((await keyfall(['get', 'TOKEN'], { cwd, env: vault.env })).stdout).toBe(`${canary}\n`);

  const [backup = ''] = await backupsIn(cwd);
  const restored = await keyfall(['migrate', '--restore', backup, '--yes'], {
    cwd,
    env: vault.env,
  });
  expect(restored.code).toBe(0);
  expect(restored.output).not.toContain(canary);
  expect(await readFile(join(cwd, '.env'), 'utf8')).toBe(dotenv);
  expect((await stat(join(cwd, '.env'))).mode & 0o777).toBe(0o640);
  expect(await vault.stored()).toEqual({ version: 2, data: {} });
});

test('after a --purge the summary says how to start with what is needed or not at all', async () => {
  const cwd = await folderWith(dotenv);
  const result = await keyfall(['migrate', '--yes', '--activate', '--purge'], {
    cwd,
    env: vault.env,
  });
  expect(result.stderr).toContain('keyfall run --only NAMES -- CMD');
  const down = { ...vault.env, VAULT_ADDR: 'http://127.0.0.1:1' };
  const script = ['sh', '-c', 'echo started $TOKEN'];
  const anyway = await keyfall(['run', '--', ...script], { cwd, env: down });
  expect(anyway).toMatchObject({ code: 0, stdout: 'started\n' });
  expect(anyway.stderr).toMatch(/ 0 names .*\.env\.\nkeyfall: sh /);
  const needed = await keyfall(['run', '--only', 'TOKEN', '--', ...script], { cwd, env: down });
  expect(needed).toMatchObject({ code: 3, stdout: '' });
});

describe('in a git repository', () => {
  const git = promisify(execFile);

  test('a file that git tracks is migrated with --force alone', async () => {
    const cwd = await folderWith(dotenv);
    await git('git', ['init', '--quiet'], { cwd });
    await git('git', ['add', '.env'], { cwd });
    const refused = await keyfall(['migrate', '--yes'], { cwd, env: vault.env });
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringMatching(/git .*\.env/) });
    expect(await vault.stored()).toBeUndefined();
    expect(await backupsIn(cwd)).toEqual([]);
    const dry = await keyfall(['migrate', '--dry-run'], { cwd, env: vault.env });
    expect(dry).toMatchObject({ code: 0, stderr: expect.stringMatching(/git .*\.env.* --force/) });
    const forced = await keyfall(['migrate', '--yes', '--force'], { cwd, env: vault.env });
    expect(forced.code).toBe(0);
    expect(await vault.stored()).toEqual({ version: 1, data: migrated });
  });

  test('a link to a file that git tracks is one, too', async () => {
    const cwd = await folderWith();
    await writeFile(join(cwd, 'shop.env'), dotenv);
    await symlink('shop.env', join(cwd, '.env'));
    await git('git', ['init', '--quiet'], { cwd });
    await git('git', ['add', 'shop.env'], { cwd });
    expect((await keyfall(['migrate', '--yes'], { cwd, env: vault.env })).code).toBe(2);
  });

  test('a file that git tracks is refused in a repository of another user, too, and whatever GIT_DIR says', async () => {
    const cwd = await folderWith(dotenv);
    await git('git', ['init', '--quiet'], { cwd });
    await git('git', ['add', '.env'], { cwd });
    // root alone can give it away
    if (process.geteuid?.() === 0)
      for (const path of [cwd, join(cwd, '.git')]) await chown(path, 1234, 1234);
    const env = { ...vault.env, GIT_DIR: join(cwd, 'none'), GIT_INDEX_FILE: join(cwd, 'none') };
    expect(await keyfall(['migrate', '--yes'], { cwd, env })).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/git .*\.env.* --force/),
    });
    expect(await vault.stored()).toBeUndefined();
  });

  test('a backup that git does not ignore is warned of', async () => {
    const cwd = await folderWith(dotenv);
    await git('git', ['init', '--quiet'], { cwd });
    await writeFile(join(cwd, '.gitignore'), '.env\n');
    const warned = await keyfall(['migrate', '--yes'], { cwd, env: vault.env });
    expect(warned.stderr).toMatch(
      /git .* \.env\.backup\.\w+, .* \.env\.backup\.\* .*\.gitignore\./,
    );
    await writeFile(join(cwd, '.gitignore'), '.env\n.env.backup.*\n');
    await writeFile(join(cwd, '.env'), 'NEW=1\n');
    const ignored = await keyfall(['migrate', '--yes'], { cwd, env: vault.env });
    expect(ignored.code).toBe(0);
    expect(ignored.stderr).not.toContain('.gitignore');
  });

  test('without git on the machine nothing is said of it', async () => {
    const cwd = await folderWith(dotenv);
    await git('git', ['init', '--quiet'], { cwd });
    await git('git', ['add', '.env'], { cwd });
    const result = await keyfall(['migrate', '--yes'], { cwd, env: { ...vault.env, PATH: cwd } });
    expect(result).toMatchObject({
      code: 0,
      stderr: expect.not.stringContaining('.gitignore'),
    });
  });
});

test('a restore leaves a name alone that somebody changed since', async () => {
  const cwd = await folderWith('A=1\nB=2\n');
  await keyfall(['migrate', '--yes'], { cwd, env: vault.env });
  await vault.store({ A: 'changed', B: '2' });
  const [backup = ''] = await backupsIn(cwd);
  const restored = await keyfall(['migrate', '--restore', backup, '--yes'], {
    cwd,
    env: vault.env,
  });
  expect(restored.code).toBe(1);
  expect(restored.stderr).toMatch(/^keyfall: A /m);
  expect(await vault.stored()).toEqual({ version: 3, data: { A: 'changed' } });
});

test('how to undo it is a command that can be typed as it is', async () => {
  const cwd = await folderWith();
  await writeFile(join(cwd, "it's prod.env"), 'A=1\n');
  const { VAULT_SECRET_PATH: path = '', ...env } = vault.env;
  const profiled = { ...env, VAULT_SECRET_PATH: `${path.slice(0, -1)}{profile}` };
  const args = ['--profile', path.slice(-1), 'migrate', "it's prod.env", '--yes'];
  const { stderr } = await keyfall(args, { cwd, env: profiled });
  const [, undo = ''] = /keyfall (migrate --restore .*)\n/.exec(stderr) ?? [];
  const { stdout } = await promisify(execFile)('bash', ['-c', `printf '%s\\0' ${undo}`]);
  const typed = stdout.split('\0').slice(0, -1);
  expect(await keyfall([...typed, '--yes'], { cwd, env: profiled })).toMatchObject({ code: 0 });
  expect((await vault.stored())?.data).toEqual({});
});

describe('with the settings in another file than is migrated', () => {
  async function folder(): Promise<{ cwd: string; env: Record<string, string> }> {
    const cwd = await folderWith();
    const { VAULT_SECRET_PATH, ...env } = vault.env;
    await writeFile(join(cwd, 'settings.env'), `VAULT_SECRET_PATH=${VAULT_SECRET_PATH}\n`);
    await writeFile(join(cwd, 'prod.env'), 'A=1\n');
    return { cwd, env };
  }
  const args = ['--dotenv', 'settings.env', 'migrate', 'prod.env', '--yes'];

  test('the settings are read there, and the next steps name that file', async () => {
    const { cwd, env } = await folder();
    const { code, stderr } = await keyfall(args, { cwd, env });
    expect(code).toBe(0);
    expect((await vault.stored())?.data).toEqual({ A: '1' });
    expect(stderr).toMatch(/USE_VAULT=true .*settings\.env$/m);
    expect(stderr).toContain('keyfall --dotenv settings.env run -- CMD\n');
    expect(stderr).toMatch(/prod\.env .* --purge /);
    const again = await keyfall(args, { cwd, env });
    expect(again.stderr).toMatch(/USE_VAULT=true .*settings\.env\.$/m);
    const [, undo = ''] = /: keyfall (migrate --restore .*)\n/.exec(stderr) ?? [];
    expect(undo).toMatch(/prod\.env\.backup\.\w+ --dotenv settings\.env$/);
    const undone = await keyfall([...undo.split(' '), '--yes'], { cwd, env });
    expect(undone.code).toBe(0);
    expect((await vault.stored())?.data).toEqual({});
  });

  test('a missing setting is said to be missing in that file', async () => {
    const { cwd, env } = await folder();
    await writeFile(join(cwd, 'settings.env'), '');
    const result = await keyfall(args, { cwd, env });
    expect(result).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/VAULT_SECRET_PATH .*settings\.env\./),
    });
    const alone = await keyfall(args.slice(2), { cwd, env });
    expect(alone.stderr).toMatch(/VAULT_SECRET_PATH .*prod\.env\./);
  });

  test('--activate is refused, since no program would read the USE_VAULT that it sets', async () => {
    const { cwd, env } = await folder();
    const result = await keyfall([...args, '--activate'], { cwd, env });
    expect(result).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--activate'),
    });
    expect(await vault.stored()).toBeUndefined();
    // by another path it is the same file
    const same = ['--dotenv', './all.env', 'migrate', 'all.env', '--yes', '--activate'];
    const path = await readFile(join(cwd, 'settings.env'), 'utf8');
    await writeFile(join(cwd, 'all.env'), `${path}A=1\n`);
    expect(await keyfall(same, { cwd, env })).toMatchObject({ code: 0 });
  });

  test('a file that is gone, whose settings its backup has, is restored by either command', async () => {
    const { cwd, env } = await folder();
    const path = await readFile(join(cwd, 'settings.env'), 'utf8');
    await writeFile(join(cwd, 'all.env'), `${path}A=1\n`);
    for (const more of [[], ['--dotenv', 'all.env']]) {
      const done = await keyfall(['--dotenv', 'all.env', 'migrate', '--yes'], { cwd, env });
      const [, backup = ''] = /--restore (\S+)\n/.exec(done.stderr) ?? [];
      await rm(join(cwd, 'all.env'));
      const restore = ['migrate', '--restore', backup, '--yes', ...more];
      expect(await keyfall(restore, { cwd, env })).toMatchObject({ code: 0 });
      expect((await vault.stored())?.data).toEqual({});
    }
  });
});

test('a file name that would move the cursor does not, and can be typed', async () => {
  const cwd = await folderWith();
  const name = "\u001b[31m it's\u009b\\.env";
  await writeFile(join(cwd, name), 'A=1\nA=2\nno pair\nand none\nVAULT_TOKEN=x\n');
  const done = await keyfall(['migrate', name, '--yes', '--purge'], { cwd, env: vault.env });
  const shown = "\\u{1b}[31m it's\\u{9b}\\.env";
  expect(done.stderr).toContain(` lines 3 and 4 of ${shown}`);
  const typedIn = async (command: string) => {
    const { stdout } = await promisify(execFile)('bash', ['-c', `printf '%s\\0' ${command}`], {
      env: { LC_ALL: 'C.UTF-8' },
    });
    return stdout.split('\0').slice(0, -1);
  };
  const [, undo = ''] = /: keyfall (migrate --restore .*)\n/.exec(done.stderr) ?? [];
  const again = await keyfall(['migrate', name, '--yes'], { cwd, env: vault.env });
  const restored = await keyfall([...(await typedIn(undo)), '--yes'], { cwd, env: vault.env });
  expect(restored).toMatchObject({ code: 0 });
  expect((await vault.stored())?.data).toEqual({});
  const none = await keyfall(['migrate', `${name}.none`, '--yes'], { cwd, env: vault.env });
  expect(none).toMatchObject({ code: 2, stderr: expect.stringContaining(`${shown}.none `) });
  const unset = { ...vault.env, VAULT_SECRET_PATH: '' };
  const lacking = await keyfall(['migrate', name, '--yes'], { cwd, env: unset });
  expect(lacking.stderr).toContain(`in ${shown}`);
  for (const { stderr } of [done, again, restored, none, lacking])
    expect([...stderr].filter((each) => each === '\u001b' || each === '\u009b')).toEqual([]);
});

test.each([
  [1, 'another hard link'],
  [2, '2 other hard links'],
])('--purge says before that %i other names keep the values', async (count, said) => {
  const cwd = await folderWith('A=1\n');
  for (let at = 0; at < count; at++) await link(join(cwd, '.env'), join(cwd, `other-${at}.env`));
  const run = (...args: string[]) => keyfall(['migrate', ...args], { cwd, env: vault.env });
  expect((await run('--dry-run', '--purge')).stderr).toContain(said);
  expect((await run('--dry-run', '--activate')).stderr).not.toContain('hard link');
  const done = await run('--yes', '--purge');
  expect(done.stderr.indexOf(said)).toBeGreaterThan(0);
  expect(done.stderr.indexOf(said)).toBeLessThan(done.stderr.indexOf('\n1 name '));
  expect(await readFile(join(cwd, 'other-0.env'), 'utf8')).toBe('A=1\n');
});

test('a linked .env stays a link', async () => {
  const cwd = await folderWith();
  await mkdir(join(cwd, 'real'));
  await writeFile(join(cwd, 'real', 'shop.env'), 'A=1\n');
  await symlink('real/shop.env', join(cwd, '.env'));
  await keyfall(['migrate', '--yes', '--activate'], { cwd, env: vault.env });
  expect(await readFile(join(cwd, 'real', 'shop.env'), 'utf8')).toBe('A=1\nUSE_VAULT=true\n');
  expect((await readdir(join(cwd, 'real'))).length).toBe(1);
});

describe('what changes nothing', () => {
  test.each([
    ['no terminal and no --yes', dotenv, {}, 2, '--yes'],
    [
      'no Vault',
      dotenv,
      { VAULT_ADDR: '', VAULT_SECRET_PATH: '' },
      2,
      'VAULT_ADDR and VAULT_SECRET_PATH',
    ],
    ['no file', undefined, {}, 2, '.env '],
    ['a file that is no text', 'A=\xff', {}, 5, 'UTF-8'],
    ['a token that is not valid', dotenv, { VAULT_TOKEN: 'hvs.wrong' }, 4, 'not authenticated'],
    ['no server', dotenv, { VAULT_ADDR: 'http://127.0.0.1:1' }, 3, 'refused'],
  ])('a migration with %s changes nothing', async (_, text, more, code, why) => {
    const cwd = await folderWith(text && Buffer.from(text, 'latin1'));
    const files = await readdir(cwd);
    const args = code === 2 && why === '--yes' ? ['migrate'] : ['migrate', '--yes'];
    const result = await keyfall(args, { cwd, env: { ...vault.env, ...more } });
    expect(result).toMatchObject({ code, stdout: '', stderr: expect.stringContaining(why) });
    expect(result.output).not.toContain(canary);
    expect(await vault.stored()).toBeUndefined();
    expect(await readdir(cwd)).toEqual(files);
  });

  test('a file of settings alone has nothing to migrate', async () => {
    const cwd = await folderWith('USE_VAULT=false\n');
    const result = await keyfall(['migrate', '--yes'], { cwd, env: vault.env });
    expect(result).toMatchObject({ code: 0, stderr: expect.stringContaining('(0 names)') });
    expect(await vault.stored()).toBeUndefined();
  });

  test.each([
    ['in bytes', `BIG=${canary.repeat(80_000)}\n`],
    ['in names', Array.from({ length: 600 }, (_, at) => `NAME_${at}=${canary}\n`).join('')],
  ])('a .env too large for one request %s is refused, and not split', async (_, text) => {
    const cwd = await folderWith(text);
    const result = await keyfall(['migrate', '--yes'], { cwd, env: vault.env });
    expect(result).toMatchObject({ code: 2, stdout: '' });
    expect(result.output).not.toContain(canary);
    expect(await vault.stored()).toBeUndefined();
    expect(await readdir(cwd)).toEqual(['.env']);
  });

  test('--restore refuses a file that is not a backup', async () => {
    const cwd = await folderWith(dotenv);
    const result = await keyfall(['migrate', '--restore', '.env', '--yes'], {
      cwd,
      env: vault.env,
    });
    expect(result).toMatchObject({ code: 2, stderr: expect.stringContaining('.env.journal') });
  });
});

test('a dry run says what may surprise, without values', async () => {
  const cwd = await folderWith('A=1\nA=2\nnot a pair\nURL="$HOST/x"\nENV=prod\n');
  const { stderr } = await keyfall(['migrate', '--reader', 'npm', '--dry-run'], {
    cwd,
    env: vault.env,
  });
  const names = { ADDRESS: vault.server.address, DOCUMENT: `${vault.mount}/${vault.path}` };
  expect(transcript(stderr, names)).toMatchSnapshot();
});

test('a path that begins with the mount is reported', async () => {
  const cwd = await folderWith('A=1\n');
  const stderrOf = async (path: string) => {
    const env = { ...vault.env, VAULT_SECRET_PATH: path };
    return (await keyfall(['migrate', '--dry-run'], { cwd, env })).stderr;
  };
  const warning = `VAULT_SECRET_PATH begins with ${vault.mount}/`;
  for (const path of [`${vault.mount}/shop`, `/${vault.mount}/data/shop`])
    expect(await stderrOf(path)).toContain(warning);
  expect(await stderrOf(`${vault.mount}s/shop`)).not.toContain('begins with');
});

test('after a migration the next steps say how to start the program, and which settings only this shell has', async () => {
  const cwd = await folderWith(`A=1\nVAULT_ADDR=http://127.0.0.1:1\nUSE_VAULT=true\n`);
  const env = { ...vault.env, VAULT_SECRET_PATH: `${vault.path}-next` };
  const { stderr } = await keyfall(['migrate', '--yes'], { cwd, env });
  const names = 'VAULT_ADDR, VAULT_TOKEN, VAULT_MOUNT_POINT and VAULT_SECRET_PATH';
  expect(stderr).toMatch(new RegExp(`\n {2}- \\w+ ${names} .*\n {2}- .*keyfall run -- CMD\n`));
  await writeFile(join(cwd, 'other.env'), 'A=2\n');
  const other = { ...vault.env, VAULT_SECRET_PATH: `${vault.path}-other` };
  const result = await keyfall(['migrate', '--yes', 'other.env'], { cwd, env: other });
  expect(result.stderr).toContain('with keyfall --dotenv other.env run -- CMD\n');
});

test('values move into an engine of version 1, where a change of another program may be lost', async () => {
  const v1 = await vault.server.mountKv({ version: 1 });
  const cwd = await folderWith(dotenv);
  const result = await keyfall(['migrate', '--yes'], {
    cwd,
    env: { ...vault.env, VAULT_MOUNT_POINT: v1 },
  });
  expect(result).toMatchObject({
    code: 0,
    stderr: expect.stringMatching(/^keyfall: vault \(/m),
  });
  const { body } = await vault.server.request('GET', `${v1}/${vault.path}`);
  expect(body.data).toEqual(migrated);
});

describe('a restore', () => {
  async function migratedFolder(): Promise<{ cwd: string; backup: string }> {
    const cwd = await folderWith(dotenv);
    await keyfall(['migrate', '--yes'], { cwd, env: vault.env });
    const [backup = ''] = await backupsIn(cwd);
    return { cwd, backup };
  }

  test('refuses what it cannot honour: a dry run changes nothing', async () => {
    const { cwd, backup } = await migratedFolder();
    await writeFile(join(cwd, '.env'), `${dotenv}LATER=1\n`);
    for (const more of [['--dry-run'], ['--purge'], ['--select', 'TOKEN'], ['.env.other']]) {
      const result = await keyfall(['migrate', '--restore', backup, '--yes', ...more], {
        cwd,
        env: vault.env,
      });
      expect(result.code).toBe(2);
    }
    expect(await readFile(join(cwd, '.env'), 'utf8')).toBe(`${dotenv}LATER=1\n`);
    expect((await vault.stored())?.data).toEqual(migrated);
  });

  test('that is given the journal instead of the backup names the backup', async () => {
    const { cwd, backup } = await migratedFolder();
    const restore = (...args: string[]) =>
      keyfall(['migrate', '--restore', ...args, '--yes'], { cwd, env: vault.env });
    const ends = ['--from', 'dotenv', '--to', 'vault'];
    for (const more of [[], ends])
      expect(await restore(`${backup}.journal`, ...more)).toMatchObject({
        code: 2,
        stderr: expect.stringMatching(
          new RegExp(`^keyfall: ${backup}\\.journal .*keyfall migrate --restore ${backup}\n$`),
        ),
      });
    expect(await restore(backup, '--from', 'vault')).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(new RegExp(`^keyfall: ${backup} .* --from\\b`)),
    });
    for (const more of ['--purge', '--dry-run', '.env'])
      expect(await restore(backup, more)).toMatchObject({ code: 2 });
    expect((await vault.stored())?.data).toEqual(migrated);
    expect(await restore(backup, ...ends)).toMatchObject({ code: 0 });
  });

  test('loses no edit that was made to the file since', async () => {
    const { cwd, backup } = await migratedFolder();
    await writeFile(join(cwd, '.env'), `${dotenv}LATER=precious\n`);
    const result = await keyfall(['migrate', '--restore', backup, '--yes'], {
      cwd,
      env: vault.env,
    });
    expect(result.code).toBe(0);
    expect(await readFile(join(cwd, '.env'), 'utf8')).toBe(dotenv);
    const other = (await backupsIn(cwd)).find((name) => name !== backup) ?? '';
    expect(result.stderr).toContain(other);
    expect(await readFile(join(cwd, other), 'utf8')).toContain('LATER=precious');
    expect((await stat(join(cwd, other))).mode & 0o777).toBe(0o600);
  });

  test('takes no journal that names another file', async () => {
    const { cwd, backup } = await migratedFolder();
    const journal = join(cwd, `${backup}.journal`);
    const facts = JSON.parse(await readFile(journal, 'utf8'));
    await mkdir(join(cwd, 'sub'));
    // another name beside the backup, and the same name in another folder
    for (const victim of ['victim', 'sub/.env']) {
      await writeFile(join(cwd, victim), 'VICTIM=1\n');
      const source = { ...facts.source, files: [victim] };
      await writeFile(journal, JSON.stringify({ ...facts, source }));
      const result = await keyfall(['migrate', '--restore', backup, '--yes'], {
        cwd,
        env: vault.env,
      });
      expect(result.code).toBe(2);
      expect(await readFile(join(cwd, victim), 'utf8')).toBe('VICTIM=1\n');
    }
  });

  test('goes to the store that the migration went to, and to no file before that has agreed', async () => {
    const { cwd, backup } = await migratedFolder();
    await writeFile(join(cwd, '.env'), 'LATER=1\n');
    const restore = ['migrate', '--restore', backup, '--yes'];
    const elsewhere = { ...vault.env, VAULT_SECRET_PATH: 'elsewhere' };
    expect(await keyfall(restore, { cwd, env: elsewhere })).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/\/elsewhere, .* --to\b/),
    });
    const rule = `path "${vault.mount}/data/${vault.path}" { capabilities = ["read"] }`;
    const policies = [await vault.server.createPolicy(rule)];
    const { token } = await vault.server.createToken({ policies });
    const denied = await keyfall(restore, { cwd, env: { ...vault.env, VAULT_TOKEN: token } });
    expect(denied).toMatchObject({ code: 4, stderr: expect.stringContaining('denied') });
    expect(await readFile(join(cwd, '.env'), 'utf8')).toBe('LATER=1\n');
    expect((await vault.stored())?.data).toEqual(migrated);
  });

  test('finds the file where its folder is by now, and makes one that is gone', async () => {
    const { cwd, backup } = await migratedFolder();
    const moved = join(await folderWith(), 'moved');
    await mkdir(moved);
    for (const name of [backup, `${backup}.journal`])
      await rename(join(cwd, name), join(moved, name));
    const result = await keyfall(['migrate', '--restore', backup, '--yes'], {
      cwd: moved,
      env: vault.env,
    });
    expect(result).toMatchObject({ code: 0 });
    expect(await readFile(join(moved, '.env'), 'utf8')).toBe(dotenv);
    expect((await stat(join(moved, '.env'))).mode & 0o777).toBe(0o600);
    expect((await vault.stored())?.data).toEqual({});
  });
});
