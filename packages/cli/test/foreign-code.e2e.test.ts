/**
 * A repository that somebody cloned, or a folder that all may write to, gets no code of its own run: not by the name of
 * a provider's package, and not by a configuration that another user put there.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { ageKey, folderWith, keyfall } from './keyfall.ts';

const canary = 'canary-71ce';

const isRoot = process.geteuid?.() === 0;
/** Root alone can give a file to another user. */
const [asRoot = '', ...andBefore] = isRoot ? ['env'] : ['sudo', '-n'];
const testByRoot = test.runIf(spawnSync(asRoot, [...andBefore, 'true']).status === 0);

function give(path: string, uid = process.geteuid?.()): void {
  execFileSync(asRoot, [...andBefore, 'chown', `${uid}:${uid}`, path]);
}

/** Gives a file or folder to another user, until the test is over. */
function giveAway(path: string, uid = 1234): void {
  give(path, uid);
  onTestFinished(() => give(path));
}
const env = { VAULT_TOKEN: canary };

/** What such a package does as soon as it is imported: it takes what it can see. */
const steals =
  "import { writeFileSync } from 'node:fs';\nwriteFileSync(process.env.HOME + '/stolen', String(process.env.VAULT_TOKEN));\n";
/** A package that does that and then is the provider that it is called. */
const hostile = `${steals}
const provider = (name) => ({ name, store: 'hostile', async read() { return { entries: new Map([['A', { value: 'theirs' }]]), complete: true }; } });
export const dopplerProvider = () => provider('doppler');
export const sopsProvider = () => provider('sops');
export const dotenvProvider = () => provider('dotenv');
export const encryptSopsFile = async () => {};
`;

/** Installs hostile packages of these names below a folder. */
async function plant(folder: string, ...names: readonly string[]): Promise<void> {
  for (const name of names) {
    const at = join(folder, 'node_modules/@keyfall', `provider-${name}`);
    await mkdir(at, { recursive: true });
    const manifest = { name: `@keyfall/provider-${name}`, type: 'module', exports: './i.js' };
    await writeFile(join(at, 'package.json'), JSON.stringify(manifest));
    await writeFile(join(at, 'i.js'), hostile);
  }
}

/** A home and a cloned repository beside each other. */
async function victim(config?: unknown) {
  const home = await folderWith();
  const repository = await folderWith('A=1\n');
  if (config !== undefined)
    await writeFile(join(repository, 'keyfall.config.json'), JSON.stringify(config));
  const run = (
    args: readonly string[],
    more: Readonly<Record<string, string>> = {},
    cwd = repository,
  ) => keyfall(args, { cwd, env: { HOME: home, ...env, ...more } });
  const isStolen = async () => (await readdir(home)).includes('stolen');
  return { home, repository, run, isStolen };
}

describe('the package of a provider', () => {
  test.each([
    ['snapshot', ['--no-config', 'snapshot', '--recipient', ageKey.recipient]],
    ['migrate --from', ['migrate', '--dry-run', '--from', 'sops:x.yaml', '--to', 'dotenv:new.env']],
    ['migrate --from', ['migrate', '--dry-run', '--from', 'doppler', '--to', 'dotenv:new.env']],
    ['migrate --to', ['migrate', '--dry-run', '--to', 'doppler']],
  ])('%s runs none of the working folder', async (_, args) => {
    const { repository, run, isStolen } = await victim();
    await plant(repository, 'sops', 'doppler');
    const result = await run(args);
    expect(await isStolen()).toBe(false);
    expect(result.output).not.toContain(canary);
  });

  test('a JSON configuration gets what comes with Keyfall, or is installed beside it', async () => {
    const providers = [{ provider: 'sops', path: 'x.yaml' }, { provider: 'dotenv' }];
    const { repository, run, isStolen } = await victim({ providers });
    await plant(repository, 'sops', 'dotenv');
    expect(await run(['get', 'A'])).toMatchObject({ code: 0, stdout: '1\n' });
    expect(await isStolen()).toBe(false);
  });

  test.each([
    ['is installed nowhere', {}, /npm install --global @keyfall\/provider-doppler\n$/],
    [
      'is installed in a folder that Node is to look into',
      { NODE_PATH: 'lib/node_modules:node_modules:.' },
      /`keyfall trust`.* npm install --global @keyfall\/provider-doppler\n$/,
    ],
  ])('a provider that %s is refused by its name, with what to do', async (_, more, end) => {
    const { repository, run, isStolen } = await victim({ providers: [{ provider: 'doppler' }] });
    if (Object.keys(more).length > 0) await plant(repository, 'doppler');
    const result = await run(['list'], more);
    expect(result).toMatchObject({ code: 2, stdout: '' });
    expect(result.stderr).toMatch(/ doppler .*@keyfall\/provider-doppler/);
    expect(result.stderr).toMatch(end);
    expect(await isStolen()).toBe(false);
  });

  test('a repository that calls itself by the name of the package is not taken for it', async () => {
    const { repository, run, isStolen } = await victim({ providers: [{ provider: 'doppler' }] });
    await writeFile(
      join(repository, 'package.json'),
      JSON.stringify({ name: '@keyfall/provider-doppler', type: 'module', exports: './i.js' }),
    );
    await writeFile(join(repository, 'i.js'), hostile);
    expect(await run(['list'])).toMatchObject({ code: 2 });
    // nor where a folder stands in the place of the package, and the user trusts what is installed
    await mkdir(join(repository, 'node_modules/@keyfall'), { recursive: true });
    await symlink('../..', join(repository, 'node_modules/@keyfall/other'));
    expect(await run(['trust'])).toMatchObject({ code: 0 });
    expect(await run(['list'])).toMatchObject({ code: 2 });
    expect(await isStolen()).toBe(false);
  });

  test('a configuration that is a program may import and name any package', async () => {
    const { repository, run } = await victim();
    await plant(repository, 'doppler');
    const text = "export default { providers: [{ provider: 'doppler' }] };";
    await writeFile(join(repository, 'keyfall.config.mjs'), text);
    expect((await run(['get', 'A'])).stdout).toBe('theirs\n');
    expect((await run(['trust'])).code).toBe(0);
    expect((await run(['trust', '--list'])).stdout).toBe('');
  });

  testByRoot('a package in a folder above that another user made is not trusted', async () => {
    const { home, run, isStolen } = await victim();
    const shared = await folderWith();
    await chmod(shared, 0o1777);
    await plant(shared, 'doppler');
    giveAway(join(shared, 'node_modules'));
    const own = join(shared, 'own');
    await mkdir(own);
    expect(await run(['trust'], {}, own)).toMatchObject({ code: 0 });
    const args = ['migrate', '--dry-run', '--from', 'doppler', '--to', 'dotenv:new.env'];
    expect(await run(args, {}, own)).toMatchObject({ code: 2 });
    expect(await isStolen()).toBe(false);
    give(join(shared, 'node_modules'));
    await run(args, {}, own);
    expect(await readFile(join(home, 'stolen'), 'utf8')).toBe(canary);
  });
});

describe('keyfall trust', () => {
  test('lets a JSON configuration run what is installed beside it, until it changes or that is taken back', async () => {
    const config = { providers: [{ provider: 'doppler' }] };
    const { home, repository, run } = await victim(config);
    await plant(repository, 'doppler');
    expect((await run(['get', 'A'])).code).toBe(2);
    expect(await run(['trust'])).toMatchObject({
      code: 0,
      stdout: '',
      stderr: expect.stringMatching(/^keyfall: keyfall\.config\.json .*\n$/),
    });
    expect((await run(['get', 'A'])).stdout).toBe('theirs\n');
    const folder = join(home, '.local/state/keyfall/trusted');
    const [record = ''] = await readdir(folder);
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    expect((await stat(join(folder, record))).mode & 0o777).toBe(0o600);
    expect((await run(['trust', '--list'])).stdout).toBe(
      `${join(repository, 'keyfall.config.json')}\n`,
    );

    const changed = JSON.stringify({ ...config, ttl: '1m' });
    await writeFile(join(repository, 'keyfall.config.json'), changed);
    expect((await run(['get', 'A'])).code).toBe(2);
    expect((await run(['trust', '--list'])).stdout).toMatch(/keyfall\.config\.json .*changed/);
    await run(['trust']);
    expect((await run(['get', 'A'])).stdout).toBe('theirs\n');
    const revoked = await run(['trust', '--revoke']);
    expect(revoked).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('keyfall.config.json'),
    });
    expect((await run(['get', 'A'])).code).toBe(2);
    const again = await run(['trust', '--revoke']);
    expect(again).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('keyfall.config.json'),
    });
    expect(again.stderr).not.toBe(revoked.stderr);
    expect(await readdir(folder)).toEqual([]);
  });

  test('holds for one path: a copy of a trusted file is not trusted', async () => {
    const config = { providers: [{ provider: 'doppler' }] };
    const { repository, run, isStolen } = await victim(config);
    await run(['trust']);
    const other = await folderWith();
    await writeFile(join(other, 'keyfall.config.json'), JSON.stringify(config));
    await plant(other, 'doppler');
    expect((await run(['get', 'A'], {}, other)).code).toBe(2);
    // a link leads to the one that is trusted, and to what is installed there, not beside the link
    await rm(join(other, 'keyfall.config.json'));
    await symlink(join(repository, 'keyfall.config.json'), join(other, 'keyfall.config.json'));
    expect((await run(['get', 'A'], {}, other)).code).toBe(2);
    expect(await isStolen()).toBe(false);
    await plant(repository, 'doppler');
    expect((await run(['get', 'A'])).code).toBe(0);
  });

  testByRoot('cannot be given by another user, or by the repository itself', async () => {
    const { home, repository, run, isStolen } = await victim({
      providers: [{ provider: 'doppler' }],
    });
    await plant(repository, 'doppler');
    await run(['trust']);
    const folder = join(home, '.local/state/keyfall/trusted');
    const [record = ''] = await readdir(folder);
    giveAway(join(folder, record));
    expect((await run(['get', 'A'])).code).toBe(2);
    give(join(folder, record));
    // a repository that is the home of whoever works in it cannot bring the record along
    await mkdir(join(repository, 'state/keyfall/trusted'), { recursive: true });
    await writeFile(
      join(repository, 'state/keyfall/trusted', record),
      await readFile(join(folder, record)),
    );
    const within = { XDG_STATE_HOME: join(repository, 'state') };
    expect((await run(['get', 'A'], within)).code).toBe(2);
    expect(await run(['trust'], within)).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/which lies within \S+ itself\. Set XDG_STATE_HOME/),
    });
    // the folder is named, and not the configuration in it
    expect((await run(['trust'], within)).stderr).not.toContain('keyfall.config');
    expect(await isStolen()).toBe(false);
  });

  test.each([
    ['a file that is not there', ['--config', 'none.json', 'trust'], 'none.json'],
    ['--json without --list', ['trust', '--json'], '--list'],
    ['both ways at once', ['trust', '--list', '--revoke'], '--revoke'],
  ])('refuses %s', async (_, args, why) => {
    const { run } = await victim();
    expect(await run(args)).toMatchObject({ code: 2, stderr: expect.stringContaining(why) });
  });
});

describe('a configuration of another user', () => {
  const program = `import { writeFileSync } from 'node:fs';\nwriteFileSync(process.env.HOME + '/stolen', '');\nexport default { providers: [{ provider: 'dotenv' }] };\n`;

  /** A shared folder with a configuration in it, and the user's own folder below. */
  async function shared() {
    const root = await mkdtemp(join(tmpdir(), 'keyfall-shared-'));
    onTestFinished(() => rm(root, { recursive: true, force: true }));
    await chmod(root, 0o1777);
    await writeFile(join(root, 'keyfall.config.mjs'), program);
    const own = join(root, 'own/deep');
    await mkdir(own, { recursive: true });
    const home = await folderWith();
    const run = (args: readonly string[], more: Readonly<Record<string, string>> = {}, cwd = own) =>
      keyfall(args, { cwd, env: { HOME: home, ...more } });
    const isRun = async () => {
      const ran = (await readdir(home)).includes('stolen');
      await rm(join(home, 'stolen'), { force: true });
      return ran;
    };
    return { root, own, run, isRun };
  }

  const repositories: Readonly<Record<string, (root: string) => Promise<void>>> = {
    'an empty .git': (root) => mkdir(join(root, '.git')).then(() => {}),
    'a .git with a HEAD alone': async (root) => {
      await mkdir(join(root, '.git'));
      await writeFile(join(root, '.git/HEAD'), 'ref: refs/heads/main\n');
    },
    'a .git without a HEAD': async (root) => {
      for (const name of ['objects', 'refs'])
        await mkdir(join(root, '.git', name), { recursive: true });
    },
    'a .git file that leads nowhere': (root) => writeFile(join(root, '.git'), 'gitdir: /nowhere\n'),
    'a .git file with something else in it': (root) => writeFile(join(root, '.git'), 'x\n'),
  };
  const repositoriesOfOthers: typeof repositories = {
    'a whole repository of another user': async (root) => {
      execFileSync('git', ['init', '--quiet', root]);
      giveAway(join(root, '.git'));
    },
    'a folder of another user with a whole repository': async (root) => {
      execFileSync('git', ['init', '--quiet', root]);
      giveAway(root);
    },
    'a .git file of another user that leads to a repository of the user': async (root) => {
      execFileSync('git', ['init', '--quiet', join(root, 'own')]);
      await writeFile(join(root, '.git'), 'gitdir: own/.git\n');
      giveAway(join(root, '.git'));
    },
  };

  async function doesNotCount(make: (root: string) => Promise<void>) {
    const { root, run, isRun } = await shared();
    await make(root);
    // below a repository of the user's own the search ends there anyway
    await rm(join(root, 'own/.git'), { recursive: true, force: true }).catch(() => {});
    const result = await run(['list']);
    expect(await isRun()).toBe(false);
    expect(result.code).toBe(0);
    const doctor = await run(['doctor']);
    expect(doctor.stdout).toContain('keyfall.config.mjs');
  }

  test.each(Object.entries(repositories))('%s above does not make it count', (_, make) =>
    doesNotCount(make),
  );

  testByRoot.each(Object.entries(repositoriesOfOthers))(
    '%s above does not make it count',
    (_, make) => doesNotCount(make),
  );

  test('a repository of the user does, as a folder, as a submodule and as another work tree', async () => {
    const { root, own, run, isRun } = await shared();
    await rm(join(root, 'keyfall.config.mjs'));
    const git = (...args: string[]) =>
      execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b', ...args], {
        stdio: 'pipe',
      });
    const main = join(dirname(own), 'main');
    git('init', '--quiet', main);
    git('-C', main, 'commit', '--quiet', '--allow-empty', '-m', 'x');
    git('-C', main, 'worktree', 'add', '--quiet', join(dirname(own), 'tree'));
    for (const place of ['main', 'tree']) {
      const at = join(dirname(own), place);
      await writeFile(join(at, 'keyfall.config.mjs'), program);
      await mkdir(join(at, 'app'));
      expect((await run(['list'], {}, join(at, 'app'))).code).toBe(0);
      expect(await isRun()).toBe(true);
    }
  });

  test.runIf(isRoot)(
    'root by way of sudo reads the configuration of the user who called it, and no other',
    async () => {
      const { root, run, isRun } = await shared();
      execFileSync('git', ['init', '--quiet', root]);
      const giveAll = (uid: number) => {
        for (const path of [root, join(root, '.git'), join(root, 'keyfall.config.mjs')])
          giveAway(path, uid);
      };
      giveAll(1234);
      await run(['list'], { SUDO_UID: '1234' });
      expect(await isRun()).toBe(true);
      giveAll(1235);
      await run(['list'], { SUDO_UID: '1234' });
      expect(await isRun()).toBe(false);
    },
  );

  testByRoot(
    'in a folder that all may write to it is refused, also in the working folder',
    async () => {
      const { root, run, isRun } = await shared();
      giveAway(join(root, 'keyfall.config.mjs'));
      const refused = await run(['list'], {}, root);
      expect(refused).toMatchObject({
        code: 2,
        stderr: expect.stringMatching(/keyfall\.config\.mjs .* --config .* --no-config\.\n$/),
      });
      expect(await isRun()).toBe(false);
      expect((await run(['list', '--no-config'], {}, root)).code).toBe(0);
      await run(['list', '--config', 'keyfall.config.mjs'], {}, root);
      expect(await isRun()).toBe(true);
      // a working folder of one's own is where one went, as a container's user does with a mounted one
      await chmod(root, 0o755);
      await run(['list'], {}, root);
      expect(await isRun()).toBe(true);
    },
  );

  testByRoot('in a parent within the repository it is refused as well', async () => {
    const { root, run, isRun } = await shared();
    execFileSync('git', ['init', '--quiet', root]);
    giveAway(join(root, 'keyfall.config.mjs'));
    expect((await run(['list'])).code).toBe(2);
    expect(await isRun()).toBe(false);
  });
});
