import { execFileSync } from 'node:child_process';
import { chmod, chown, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { assertNoLeak } from '@keyfall/testkit';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { isTracked } from '../src/check/git-index.ts';
import { dotenvProvider } from '../src/index.ts';
import { context, temporaryFolder } from './store.ts';

let folder: string;
let path: string;
let remove: () => Promise<void>;
beforeEach(async () => {
  ({ folder, remove } = await temporaryFolder());
  path = join(folder, '.env');
});
afterEach(() => remove());

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
  ])('finds a file in an index of version %i with %s, and no other', async (version, hashes) => {
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
  });

  test('says nothing where it cannot be told', async () => {
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

  test('waits for nothing that stands in the place of the index, and for no index without an end', async () => {
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

  test('knows a worktree of its own', async () => {
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
  test('tells once in a process of a file that git tracks, also through a link', async () => {
    await writeFile(path, `A=${canary}\n`);
    git('init', '-q');
    git('add', '.env');
    await symlink('.env', join(folder, 'link'));
    const text = (shown: string) =>
      `git tracks ${shown}: its values are in the history of the repository`;
    expect(await warningsOf()).toEqual([text(path)]);
    expect(await warningsOf()).toEqual([]);
    const link = join(folder, 'link');
    expect(await warningsOf({ path: link })).toEqual([text(link)]);
  });

  test('tells of a file that every user can read, and not of one that a folder hides', async () => {
    await writeFile(path, `A=${canary}\n`);
    await chmod(path, 0o644);
    await writeFile(`${path}.local`, `A=${canary}\n`, { mode: 0o600 });
    expect(await warningsOf()).toEqual([]);
    await chmod(folder, 0o755);
    const open = join(folder, 'open.env');
    await writeFile(open, `A=${canary}\n`);
    await chmod(open, 0o644);
    expect(await warningsOf({ path: [open, `${path}.local`, join(folder, 'none')] })).toEqual([
      `every user of this machine can read ${open}: chmod o-r ${open}`,
    ]);
  });
});

describe('check', () => {
  const findings = async (options: object = {}) => {
    const found = await dotenvProvider({ path, ...options }).check?.(context());
    assertNoLeak([canary], found);
    return found;
  };

  test('finds a file in order', async () => {
    await writeFile(path, `A=${canary}\n`, { mode: 0o600 });
    git('init', '-q');
    await writeFile(join(folder, '.gitignore'), '.env*\n');
    expect(await findings()).toEqual([
      { subject: path, state: 'ready', message: 'holds 1 name' },
      {
        subject: `mode of ${path}`,
        state: 'ready',
        message: 'not every user of this machine can read it (0600)',
      },
      { subject: `git and ${path}`, state: 'ready', message: 'git ignores it' },
    ]);
  });

  test('finds what needs mending, and says how', async () => {
    await chmod(folder, 0o755);
    await writeFile(path, `A=${canary}\n?${canary}\nA=${canary}2\n`);
    await chmod(path, 0o644);
    git('init', '-q');
    git('add', '.env');
    // some ages of Node read a line without a sign into the next name, and others do not
    const found = (await findings())?.filter(({ code }) => code !== 'readers-differ');
    expect(found?.slice(1)).toEqual([
      {
        subject: `lines of ${path}`,
        state: 'failing',
        message: 'dotenv reads nothing from line 2',
        hint: 'Write NAME=value, or # before a comment.',
        code: 'lines-dropped',
        facts: { path },
      },
      {
        subject: `names of ${path}`,
        state: 'failing',
        message: 'stand there more than once, and the last one counts: A',
        hint: 'Remove the earlier ones.',
        code: 'names-twice',
        facts: { path },
      },
      {
        subject: `mode of ${path}`,
        state: 'failing',
        message: 'every user of this machine can read it (0644)',
        hint: `chmod o-r ${path}`,
        code: 'readable-by-all',
        facts: { path },
      },
      {
        subject: `git and ${path}`,
        state: 'failing',
        message: 'git tracks it: its values are in the history of the repository',
        hint: `git rm --cached ${path}, name it in ${folder}/.gitignore, and change the values.`,
        code: 'tracked-by-git',
        facts: { path, rule: '.env' },
      },
    ]);
  });

  test("finds a file that the next git add takes in, in another user's repository too", async () => {
    await writeFile(path, 'A=1\n');
    git('init', '-q');
    // root alone can give it away
    if (process.geteuid?.() === 0)
      for (const each of [folder, join(folder, '.git')]) await chown(each, 1234, 1234);
    expect(await findings()).toContainEqual({
      subject: `git and ${path}`,
      state: 'failing',
      message: 'the next git add --all takes it in',
      hint: `Name .env in ${folder}/.gitignore.`,
      code: 'not-ignored-by-git',
      facts: { path, rule: '.env' },
    });
  });

  test.each(['.env[1]', '#.env', '!.env', '.env ', 'a*\\?.env'])(
    'names %j by a rule that means this file alone',
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

  test('finds copies beside it that git takes or others read, and no journal of them', async () => {
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

  test('asks git itself where its index is split', async () => {
    await writeFile(path, `A=${canary}\n`);
    git('init', '-q');
    git('update-index', '--split-index', '--add', '.env');
    expect(await isTracked(path)).toBeUndefined();
    expect(await findings()).toContainEqual(
      expect.objectContaining({
        state: 'failing',
        message: expect.stringMatching(/^git tracks it/),
      }),
    );
  });

  test('asks it for the name as it stands, and not as a pattern', async () => {
    const odd = join(folder, '.env[1]');
    await writeFile(odd, `A=${canary}\n`);
    await writeFile(join(folder, '.env1'), '');
    git('init', '-q');
    git('update-index', '--split-index', '--add', '.env1');
    const messages = ((await findings({ path: odd })) ?? []).map(({ message }) => message);
    expect(messages.join()).not.toContain('git tracks it');
  });

  test('runs no program that the repository names', async () => {
    await writeFile(path, 'A=1\n');
    git('init', '-q');
    git('update-index', '--split-index'); // so that git is asked every question there is
    git('config', 'core.fsmonitor', `touch ${join(folder, 'run')} #`);
    await findings();
    expect(() => execFileSync('cat', [join(folder, 'run')], { stdio: 'pipe' })).toThrow();
  });

  test('fetches nothing for a partial clone, by a program that it names', async () => {
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

  test('says of a missing file that it need not be there, unless it must', async () => {
    expect(await findings()).toEqual([
      { subject: path, state: 'ready', message: 'is not there, and need not be' },
    ]);
    expect(await findings({ mustExist: true })).toMatchObject([
      { subject: path, state: 'failing' },
    ]);
  });

  test('says which values refer to nothing, and shows no part of them', async () => {
    await writeFile(path, `A=1\nB=$A\nPASS=x$${canary.replaceAll('-', '_')}\nC=\${A}\${NO:-x}\n`, {
      mode: 0o600,
    });
    const found = await findings({ expand: true });
    assertNoLeak([canary.replaceAll('-', '_')], found);
    expect(found?.at(-1)).toMatchObject({
      subject: 'expansion',
      state: 'failing',
      message: 'these refer to names that no file holds, which is nothing: PASS',
    });
  });
});
