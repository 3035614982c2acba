import { execFileSync } from 'node:child_process';
import { chmod, chown, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { assertNoLeak } from '@keyfall/testkit';
import { describe, expect, test } from 'vitest';
import { isTracked } from '../src/check/git-index.ts';
import { dotenvProvider } from '../src/index.ts';
import { folder, folderForEachTest, path } from './folder.ts';
import { context } from './store.ts';

folderForEachTest();

const canary = 'c4n4ry-7f3a9e';

function git(...args: string[]) {
  const identity = ['-c', 'user.name=t', '-c', 'user.email=t@example.com'];
  execFileSync('git', [...identity, ...args], { cwd: folder, stdio: 'pipe' });
}

async function warningsOf(options: object = { path }) {
  const warnings: string[] = [];
  const provider = dotenvProvider(options);
  for (let time = 0; time < 2; time++)
    await provider.read('all', context({ warn: (message) => warnings.push(message) }));
  assertNoLeak([canary], warnings);
  return warnings;
}

describe('isTracked', () => {
  test.each([
    [2, 'sha1'],
    [3, 'sha1'],
    [4, 'sha1'],
    [2, 'sha256'],
    [4, 'sha256'],
  ])(
    'isTracked finds a file in an index of version %i with %s, and no other',
    async (version, hashes) => {
      git('init', '-q', `--object-format=${hashes}`);
      // so long that what the next path lacks of it takes two bytes in version 4
      const long = 'n'.repeat(200);
      await mkdir(join(folder, 'deep', 'er'), { recursive: true });
      await mkdir(join(folder, long));
      const others = ['deep/er/.env', 'x.env', '.env.local', 'deep/.envrc', `${long}/a`];
      for (const name of ['.env', ...others]) await writeFile(join(folder, name), 'A=1\n');
      git('-c', `index.version=${version}`, 'add', ...others);
      // Version 3 is written only where an entry needs its flags.
      git('add', ...(version === 3 ? ['--intent-to-add'] : []), '.env');
      const index = await readFile(join(folder, '.git', 'index'));
      expect(index.readUInt32BE(4)).toBe(version);
      const answers = await Promise.all(
        ['.env', 'deep/er/.env', '.env.local', 'x.env', 'env', 'deep/.env', '.envrc'].map((name) =>
          isTracked(join(folder, name)),
        ),
      );
      expect(answers).toEqual([true, true, true, true, false, false, false]);
    },
  );

  test('isTracked returns undefined where the answer is unknown', async () => {
    await writeFile(path, 'A=1\n');
    expect(await isTracked(path)).toBeUndefined();
    git('init', '-q');
    expect(await isTracked(path)).toBeUndefined();
    git('update-index', '--split-index', '--add', '.env');
    expect(await isTracked(path)).toBeUndefined();
    for (const version of [4, 5]) {
      const index = Buffer.from('DIRC....\0\0\0\x02and no entries');
      index.writeUInt32BE(version, 4);
      for (const length of [4, 12, 20, index.length]) {
        await writeFile(join(folder, '.git', 'index'), index.subarray(0, length));
        expect(await isTracked(path)).toBeUndefined();
      }
    }
  });

  test('isTracked waits neither for a pipe in place of the index nor for an endless one', async () => {
    await writeFile(path, 'A=1\n');
    git('init', '-q');
    const index = join(folder, '.git', 'index');
    for (const place of ['/dev/zero', 'pipe', 'index', folder]) {
      await symlink(place, index);
      expect(await isTracked(path)).toBeUndefined();
      await rm(index);
      if (place === '/dev/zero')
        execFileSync('/bin/sh', ['-c', 'mkfifo "$0"', join(folder, '.git', 'pipe')]);
    }
    // each path is longer than the one before it: to look through a megabyte of them would take minutes
    const entries = Array.from({ length: 5_000 }, (_, count) => {
      const entry = Buffer.alloc(66, 'a');
      entry.writeUInt16BE(Math.min(count + 1, 0xfff), 60);
      entry.set(count === 0 ? [0, 97, 0] : [1, 97, 97, 0], 62);
      return entry.subarray(0, count === 0 ? 65 : 66);
    });
    const head = Buffer.from('DIRC\0\0\0\x04....');
    head.writeUInt32BE(entries.length, 8);
    await writeFile(index, Buffer.concat([head, ...entries]));
    expect(await isTracked(path)).toBeUndefined();
  });

  test('isTracked follows a worktree to its index', async () => {
    await writeFile(path, 'A=1\n');
    git('init', '-q');
    git('add', '.env');
    git('commit', '-qm', 'x');
    git('worktree', 'add', '-q', join(folder, 'tree'));
    expect(await isTracked(join(folder, 'tree', '.env'))).toBe(true);
    expect(await isTracked(join(folder, 'tree', '.other'))).toBe(false);
  });
});

describe('a warning', () => {
  test('a file that git tracks causes one warning in a process, also through a link', async () => {
    await writeFile(path, `A=${canary}\n`);
    git('init', '-q');
    git('add', '.env');
    await symlink('.env', join(folder, 'link'));
    const text = (shown: string) => expect.stringMatching(new RegExp(`^git .*${shown}: `));
    expect(await warningsOf()).toEqual([text(path)]);
    expect(await warningsOf()).toEqual([]);
    const link = join(folder, 'link');
    expect(await warningsOf({ path: link })).toEqual([text(link)]);
  });

  test('a file that every user can read causes a warning, and one that a folder hides does not', async () => {
    await writeFile(path, `A=${canary}\n`);
    await chmod(path, 0o644);
    await writeFile(`${path}.local`, `A=${canary}\n`, { mode: 0o600 });
    expect(await warningsOf()).toEqual([]);
    await chmod(folder, 0o755);
    const open = join(folder, 'open.env');
    await writeFile(open, `A=${canary}\n`);
    await chmod(open, 0o644);
    expect(await warningsOf({ path: [open, `${path}.local`, join(folder, 'none')] })).toEqual([
      expect.stringMatching(new RegExp(`${open}: .*chmod o-r ${open}$`)),
    ]);
  });
});

describe('check', () => {
  const findings = async (options: object = {}) => {
    const found = await dotenvProvider({ path, ...options }).check?.(context());
    assertNoLeak([canary], found);
    return found;
  };

  test('a file in order is ready in every check', async () => {
    await writeFile(path, `A=${canary}\n`, { mode: 0o600 });
    git('init', '-q');
    await writeFile(join(folder, '.gitignore'), '.env*\n');
    expect(await findings()).toMatchObject([
      { subject: path, state: 'ready' },
      { subject: `mode of ${path}`, state: 'ready' },
      { subject: `git and ${path}`, state: 'ready' },
    ]);
  });

  test('every fault of a file is a finding with a code, facts, and what to do', async () => {
    await chmod(folder, 0o755);
    await writeFile(path, `A=${canary}\n?${canary}\nA=${canary}2\n`);
    await chmod(path, 0o644);
    git('init', '-q');
    git('add', '.env');
    // some versions of Node read a line without a sign into the next name, and others do not
    const found = (await findings())?.filter(({ code }) => code !== 'readers-differ').slice(1);
    expect(found).toMatchObject([
      { state: 'failing', code: 'lines-dropped', facts: { path } },
      { state: 'failing', code: 'names-twice', facts: { path } },
      { state: 'failing', code: 'readable-by-all', facts: { path } },
      { state: 'failing', code: 'tracked-by-git', facts: { path, rule: '.env' } },
    ]);
    const texts = found?.map(({ subject, message, hint }) => `${subject}: ${message}. ${hint}`);
    expect(texts?.join('\n').replaceAll(folder, '…')).toMatchInlineSnapshot(`
      "lines of …/.env: dotenv drops line 2. Write NAME=value, or # before a comment.
      names of …/.env: names that appear more than once, of which the last one counts: A. Remove the earlier lines.
      mode of …/.env: every user of this machine can read it (0644). Run chmod o-r …/.env.
      git and …/.env: git tracks it: its values are in the history of the repository. Run git rm --cached …/.env, add it to …/.gitignore, and change the values."
    `);
  });

  test('of a link to a file that every user can read no command is proposed, which would change that file', async () => {
    await chmod(folder, 0o755);
    const target = join(folder, 'of-the-system');
    await writeFile(target, `A=${canary}\n`);
    await chmod(target, 0o644);
    await symlink(target, path);
    const found = (await findings())?.find(({ code }) => code === 'readable-by-all');
    expect(found).toMatchObject({ state: 'failing', subject: `mode of ${path}` });
    expect(found).not.toHaveProperty('facts');
    expect(found?.hint).not.toContain('chmod');
    const warnings: string[] = [];
    const provider = dotenvProvider({ path });
    await provider.read('all', { ...context(), warn: (message) => warnings.push(message) });
    expect(warnings).toEqual([
      `every user of this machine can read the file that ${path} leads to`,
    ]);
  });

  test("a file that git does not ignore is a finding, in another user's repository too", async () => {
    await writeFile(path, 'A=1\n');
    git('init', '-q');
    // root alone can give it away
    if (process.geteuid?.() === 0)
      for (const each of [folder, join(folder, '.git')]) await chown(each, 1234, 1234);
    expect(await findings()).toContainEqual(
      expect.objectContaining({
        subject: `git and ${path}`,
        state: 'failing',
        code: 'not-ignored-by-git',
        facts: { path, rule: '.env' },
      }),
    );
  });

  test.each(['.env[1]', '#.env', '!.env', '.env ', 'a*\\?.env'])(
    'the rule for %j matches this file only',
    async (name) => {
      for (const each of [name, '.env1', 'b.env', '.env'])
        await writeFile(join(folder, each), 'A=1\n');
      git('init', '-q');
      const found = await findings({ path: join(folder, name) });
      const rule = found?.find(({ code }) => code === 'not-ignored-by-git')?.facts?.['rule'];
      await writeFile(join(folder, '.gitignore'), `${rule}\n`);
      const ignored = execFileSync('git', ['ls-files', '-zoi', '--exclude-standard'], {
        cwd: folder,
        encoding: 'utf8',
      });
      expect(ignored).toBe(`${name}\0`);
    },
  );

  test('copies beside the file are checked too, and journals are not', async () => {
    await chmod(folder, 0o755);
    await writeFile(path, 'A=1\n', { mode: 0o600 });
    const copies = ['tracked', 'open', 'safe', 'a.journal'].map((end) => `.env.backup.${end}`);
    for (const name of copies)
      await writeFile(join(folder, name), `A=${canary}\n`, { mode: 0o600 });
    await chmod(join(folder, '.env.backup.open'), 0o644);
    await mkdir(join(folder, '.env.backup.folder'));
    git('init', '-q');
    git('add', '.env.backup.tracked');
    await writeFile(join(folder, '.gitignore'), '.env\n.env.backup.[st]*\n');
    const found = ((await findings()) ?? []).slice(3);
    expect(found.map(({ subject, code }) => [subject, code])).toEqual([
      [`mode of ${path}.backup.open`, 'readable-by-all'],
      [`git and ${path}.backup.open`, 'not-ignored-by-git'],
      [`git and ${path}.backup.tracked`, 'tracked-by-git'],
      [`copies of ${path}`, 'copies-in-plain-text'],
    ]);
    expect(found[1]?.facts).toEqual({ path: `${path}.backup.open`, rule: '.env.backup.*' });
  });

  test('git itself is asked if its index is split', async () => {
    await writeFile(path, `A=${canary}\n`);
    git('init', '-q');
    git('update-index', '--split-index', '--add', '.env');
    expect(await isTracked(path)).toBeUndefined();
    expect(await findings()).toContainEqual(
      expect.objectContaining({ state: 'failing', code: 'tracked-by-git' }),
    );
  });

  test('git is asked for the name itself, and not for a pattern', async () => {
    const odd = join(folder, '.env[1]');
    await writeFile(odd, `A=${canary}\n`);
    await writeFile(join(folder, '.env1'), '');
    git('init', '-q');
    git('update-index', '--split-index', '--add', '.env1');
    const codes = ((await findings({ path: odd })) ?? []).map(({ code }) => code);
    expect(codes).not.toContain('tracked-by-git');
  });

  test('a check runs no program that the repository names', async () => {
    await writeFile(path, 'A=1\n');
    git('init', '-q');
    git('update-index', '--split-index'); // so that git is asked every question there is
    git('config', 'core.fsmonitor', `touch ${join(folder, 'run')} #`);
    await findings();
    expect(() => execFileSync('cat', [join(folder, 'run')], { stdio: 'pipe' })).toThrow();
  });

  test('a check fetches nothing for a partial clone', async () => {
    await writeFile(path, 'A=1\n');
    git('init', '-q');
    await writeFile(join(folder, '.gitignore'), '.env\n');
    git('add', '.gitignore');
    const named = execFileSync('git', ['rev-parse', ':.gitignore'], { cwd: folder }).toString();
    await rm(join(folder, '.git', 'objects', named.slice(0, 2)), { recursive: true });
    git('update-index', '--skip-worktree', '.gitignore');
    await rm(join(folder, '.gitignore'));
    git('config', 'core.repositoryFormatVersion', '1');
    git('config', 'extensions.partialClone', 'origin');
    git('config', 'remote.origin.promisor', 'true');
    git('config', 'remote.origin.url', 'ssh://example.invalid/x');
    git('config', 'core.sshCommand', `touch ${join(folder, 'run')} #`);
    await findings();
    expect(() => execFileSync('cat', [join(folder, 'run')], { stdio: 'pipe' })).toThrow();
  });

  test('a missing file is a finding only under mustExist', async () => {
    expect(await findings()).toMatchObject([{ subject: path, state: 'ready' }]);
    expect(await findings({ mustExist: true })).toMatchObject([
      { subject: path, state: 'failing' },
    ]);
  });

  test('a finding names values that refer to missing names, and shows no part of them', async () => {
    await writeFile(path, `A=1\nB=$A\nPASS=x$${canary.replaceAll('-', '_')}\nC=\${A}\${NO:-x}\n`, {
      mode: 0o600,
    });
    const found = await findings({ expand: true });
    assertNoLeak([canary.replaceAll('-', '_')], found);
    expect(found?.at(-1)).toMatchObject({
      subject: 'expansion',
      state: 'failing',
      code: 'refers-to-nothing',
      message: expect.stringMatching(/: PASS$/),
    });
  });
});
