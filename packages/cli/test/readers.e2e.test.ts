/**
 * What a program reads in a `.env` by itself, it has under Keyfall: real programs with python-dotenv, with
 * `node --env-file` and under a real shell, started by themselves and by `keyfall run`, and with what was
 * migrated to a real server.
 */
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: it is the readers' own notation
import { execFileSync } from 'node:child_process';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { pythonDotenv } from '../../provider-dotenv/test/real-readers.ts';
import { folderWith, keyfall } from './keyfall.ts';
import { onTerminal } from './on-terminal.ts';
import { vaultDocuments } from './vault-documents.ts';

// the bot's, and what else readers differ on
const dotenv = `HOST=redis.internal
DB_PASS=Tea$hop#2024
TABBED="a\\tb"
APOSTROPHE='it\\'s'
FOLDER="C:\\\\dir"
SAID="say \\"hi\\""
TICKS=\`x y\`
URL=redis://\${HOST}:6379/\${DB:-0}
I: x
SPACED = a b
LAST="never closed
`;
const names = 'HOST DB_PASS TABBED APOSTROPHE FOLDER SAID TICKS URL I SPACED LAST'.split(' ');

const bot = `
import json, logging, os
from dotenv import load_dotenv
logging.disable(logging.CRITICAL)
load_dotenv('.env')
print(json.dumps({k: os.environ[k] for k in ${JSON.stringify(names)} if k in os.environ}, sort_keys=True))
`;
const server = `const names = ${JSON.stringify(names)};
console.log(JSON.stringify(Object.fromEntries(names.filter((k) => k in process.env).sort().map((k) => [k, process.env[k]]))));
`;

const vault = vaultDocuments();
let site = '';
beforeAll(async () => {
  site = await pythonDotenv();
});

/** A folder with the file and both programs. */
async function project(text = dotenv): Promise<string> {
  const cwd = await folderWith(text);
  await writeFile(join(cwd, 'bot.py'), bot);
  await writeFile(join(cwd, 'server.js'), server);
  return cwd;
}

const alone = (cwd: string, [file = '', ...args]: readonly string[]) =>
  execFileSync(file, args, {
    cwd,
    env: { PATH: process.env['PATH'], HOME: cwd, PYTHONPATH: site },
  }).toString();

const python = ['python3', 'bot.py'];
const node = [process.execPath, '--env-file=.env', 'server.js'];

describe('a program with its own reader has the same bytes under run', () => {
  test.each([
    ['python', python],
    ['node', node],
  ] as const)('%s', async (reader, command) => {
    const cwd = await project();
    const read = alone(cwd, command);
    for (const args of [
      ['--reader', reader, 'run', '--', ...command],
      ['run', '--reader', reader, '--', ...command],
    ]) {
      const result = await keyfall(args, { cwd, env: { PYTHONPATH: site } });
      expect(result).toMatchObject({ code: 0, stdout: read });
    }
    // and also one that does not read the file itself
    const given = await keyfall(['run', '--', process.execPath, 'server.js'], {
      cwd,
      env: { KEYFALL_READER: reader },
    });
    expect(JSON.parse(given.stdout)).toEqual(JSON.parse(read));
  });

  test('python, with what the environment says of a reference', async () => {
    const cwd = await project();
    const env = { PYTHONPATH: site, HOST: 'other', DB: '3' };
    const result = await keyfall(['--reader', 'python', 'run', '--', ...python], { cwd, env });
    expect(JSON.parse(result.stdout)).toMatchObject({
      HOST: 'other',
      URL: 'redis://other:6379/3',
      DB_PASS: 'Tea$hop#2024',
    });
    const bare = await keyfall(['--reader', 'python', 'run', '--pristine', '--', 'env'], {
      cwd,
      env,
    });
    expect(bare.stdout).toContain('URL=redis://redis.internal:6379/0\n');
  });

  test('a shell that sources the file', async () => {
    const cwd = await folderWith(`A="x y" # c\nexport B='it'\\''s'\nC=a\\ b\nD=$'x'\n`);
    const shown = 'printf "%s|" "$A" "$B" "$C"';
    const read = alone(cwd, ['sh', '-c', `set -a; . ./.env; ${shown}`]);
    const args = ['run', '--reader', 'shell', '--only', 'A,B,C', '--', 'sh', '-c', shown];
    expect(await keyfall(args, { cwd })).toMatchObject({ code: 0, stdout: read });
  });

  test('as the file itself says', async () => {
    const cwd = await project(`KEYFALL_READER=python\n${dotenv}`);
    const read = alone(cwd, python);
    const result = await keyfall(['run', '--', ...python], { cwd, env: { PYTHONPATH: site } });
    expect(result).toMatchObject({ code: 0, stdout: read });
    expect((await keyfall(['run', '--', 'env'], { cwd })).stdout).not.toContain('KEYFALL_READER');
  });
});

describe('readers that differ, if nothing says which one counts', () => {
  const text = 'PLAIN=x\nDB_PASS=Tea$hop#2024\n';

  test.each([
    [['run', '--', 'touch', 'started']],
    [['run', '--only', 'DB_PASS', '--', 'touch', 'started']],
    [['export']],
    [['export', '--format', 'json']],
    [['migrate', '--yes']],
    [['migrate', '--yes', '--purge', '--activate']],
    [['migrate', '--dry-run']],
    [['migrate', '--yes', '--select', 'DB_PASS']],
    [['init', '--yes']],
  ])('%j starts and writes nothing, and names names and readers', async (args) => {
    const cwd = await project(text);
    await writeFile(join(cwd, 'requirements.txt'), 'python-dotenv\n');
    const before = await readdir(cwd);
    const result = await keyfall(args, {
      cwd,
      env: { ...vault.env },
    });
    expect(result).toMatchObject({ code: 2, stdout: '' });
    expect(result.stderr).toContain(
      'DB_PASS (npm, node against python against compose against shell)',
    );
    expect(result.stderr).toContain('--reader python');
    expect(result.stderr).toContain('requirements.txt');
    expect(result.stderr).not.toContain('PLAIN');
    expect(result.output).not.toContain('Tea');
    expect(await readdir(cwd)).toEqual(before);
    expect(await readFile(join(cwd, '.env'), 'utf8')).toBe(text);
  });

  test('where nothing beside the file speaks for a reader, none is proposed, and each is described', async () => {
    const { code, stderr } = await keyfall(['run', '--', 'true'], { cwd: await project(text) });
    expect(code).toBe(2);
    expect(stderr).not.toMatch(/--reader npm|KEYFALL_READER=npm/);
    expect(stderr).toContain('python (python-dotenv)');
  });

  test('what is not taken from the file does not matter', async () => {
    const cwd = await project(text);
    const only = await keyfall(['run', '--only', 'PLAIN', '--', 'sh', '-c', 'echo $PLAIN'], {
      cwd,
    });
    expect(only).toMatchObject({ code: 0, stdout: 'x\n' });
    const inherited = await keyfall(['run', '--', 'sh', '-c', 'echo $DB_PASS'], {
      cwd,
      env: { DB_PASS: 'mine' },
    });
    expect(inherited).toMatchObject({ code: 0, stdout: 'mine\n' });
    await vault.store({ DB_PASS: 'stored' });
    const stored = await keyfall(['run', '--', 'sh', '-c', 'echo $DB_PASS'], {
      cwd,
      env: { ...vault.env, USE_VAULT: 'true' },
    });
    expect(stored).toMatchObject({ code: 0, stdout: 'stored\n' });
    expect(await keyfall(['list'], { cwd })).toMatchObject({ code: 0 });
    const got = await keyfall(['get', 'DB_PASS'], { cwd });
    expect(got).toMatchObject({ code: 0, stdout: 'Tea$hop\n' });
    expect(got.stderr).toMatch(/DB_PASS \(npm, node .*python/);
  });

  test('what another reader alone takes for a name may be a part of a value, and is not shown', async () => {
    const cwd = await folderWith('KEY=-----BEGIN\nMIIEcanary\nABCDcanary=\nX=`\nc4nary=secret`\n');
    for (const args of [['run', '--', 'true'], ['export'], ['doctor'], ['migrate', '--yes']]) {
      const env = { ...vault.env };
      const { code, output } = await keyfall(args, { cwd, env });
      expect(code).not.toBe(0);
      expect(output).not.toContain('c4nary');
    }
  });

  test('a configuration names the reader, and the command line does if that does not', async () => {
    const cwd = await project(text);
    const config = (reader: object) =>
      writeFile(
        join(cwd, 'keyfall.config.json'),
        JSON.stringify({ providers: [{ provider: 'dotenv', ...reader }] }),
      );
    await config({});
    const show = ['run', '--', 'sh', '-c', 'echo "$DB_PASS"'];
    expect((await keyfall(show, { cwd })).code).toBe(2);
    expect((await keyfall(['--reader', 'python', ...show], { cwd })).stdout).toBe('Tea$hop#2024\n');
    await config({ reader: 'python' });
    expect((await keyfall(show, { cwd })).stdout).toBe('Tea$hop#2024\n');
    await config({ reader: 'pyton' });
    expect(await keyfall(show, { cwd })).toMatchObject({ code: 2 });
  });

  test('an unknown reader is refused', async () => {
    const cwd = await project(text);
    for (const env of [{ KEYFALL_READER: 'pyton' }, {}]) {
      const args = 'KEYFALL_READER' in env ? ['list'] : ['--reader', 'pyton', 'list'];
      expect(await keyfall(args, { cwd, env })).toMatchObject({ code: 2, stdout: '' });
    }
    await writeFile(join(cwd, '.env'), 'KEYFALL_READER=pyton\nA=1\n');
    expect(await keyfall(['run', '--', 'true'], { cwd })).toMatchObject({ code: 2, stdout: '' });
  });
});

describe('in a terminal', () => {
  const text = 'DB_PASS=Tea$hop#2024\n';

  test('migrate asks, with a guess, and --activate writes the answer down', async () => {
    const cwd = await project(text);
    await writeFile(join(cwd, 'pyproject.toml'), '');
    const result = await onTerminal(
      ['migrate', '--activate'],
      [
        ['python-dotenv: load_dotenv() (pyproject.toml is beside it)', '\r'],
        ['Write 1 name to', 'y'],
      ],
      { cwd, env: vault.env },
    );
    expect(result).toMatchObject({ code: 0 });
    expect((await vault.stored())?.data).toEqual({ DB_PASS: 'Tea$hop#2024' });
    expect(await readFile(join(cwd, '.env'), 'utf8')).toBe(
      `${text}USE_VAULT=true\nKEYFALL_READER=python\n`,
    );
    // and nobody is asked again
    expect((await keyfall(['run', '--', 'true'], { cwd, env: vault.env })).code).toBe(0);
    expect((await keyfall(['migrate', '--yes'], { cwd, env: vault.env })).code).toBe(0);
  });

  test('migrate says how to write the answer down, and changes nothing if the user stops', async () => {
    const cwd = await project(text);
    await writeFile(join(cwd, 'requirements.txt'), '');
    const stopped = await onTerminal(['migrate'], [['Which program is .env written for', '\x03']], {
      cwd,
      env: vault.env,
    });
    expect(stopped.code).toBe(130);
    expect(await vault.stored()).toBeUndefined();
    const chosen = await onTerminal(
      ['migrate'],
      [
        ['Which program is .env written for', '\r'],
        ['Write 1 name to', 'y'],
      ],
      { cwd, env: vault.env },
    );
    expect(chosen.output).toContain('KEYFALL_READER=python in .env');
    expect((await vault.stored())?.data).toEqual({ DB_PASS: 'Tea$hop#2024' });
  });

  test('init asks, and writes the answer into the configuration', async () => {
    const cwd = await project(text);
    await writeFile(join(cwd, 'compose.yml'), '');
    const args = ['init', '--providers', 'dotenv', '--profiles', 'x', '--names', 'DB_PASS'];
    const result = await onTerminal(
      [...args, '--format', 'json'],
      [['docker compose (compose.yml is beside it)', '\r']],
      { cwd },
    );
    expect(result).toMatchObject({ code: 0 });
    const config = JSON.parse(await readFile(join(cwd, 'keyfall.config.json'), 'utf8'));
    expect(config.providers).toEqual([{ provider: 'dotenv', reader: 'compose' }]);
  });
});

describe('a migration', () => {
  test('stores what python-dotenv reads, and the bot has it from Vault alone', async () => {
    const cwd = await project();
    const read = alone(cwd, python);
    const env = { ...vault.env, PYTHONPATH: site };
    const args = ['migrate', '--reader', 'python', '--yes', '--activate', '--purge'];
    const result = await keyfall(args, { cwd, env });
    expect(result).toMatchObject({ code: 0 });
    const left = await readFile(join(cwd, '.env'), 'utf8');
    expect(left).toContain('KEYFALL_READER=python\n');
    // so the command that starts the program need not say it
    expect(result.stderr).toContain(' keyfall run -- CMD\n');
    expect(left).toContain('USE_VAULT=true\n');
    // what the reader does not read was not stored, and is not deleted
    expect(left).toContain('I: x\n');
    expect(left).toContain('LAST="never closed\n');
    expect(left).not.toContain('Tea');
    expect(JSON.parse(alone(cwd, python))).toEqual({});
    const started = await keyfall(['run', '--', ...python], { cwd, env });
    expect(started).toMatchObject({ code: 0, stdout: read });
    expect((await vault.stored())?.data).toMatchObject({ DB_PASS: 'Tea$hop#2024' });

    const backup = (await readdir(cwd)).find((name) => /backup\.\w+$/.test(name)) ?? '';
    const restored = await keyfall(['migrate', '--restore', backup, '--yes'], { cwd, env });
    expect(restored).toMatchObject({ code: 0 });
    expect(await readFile(join(cwd, '.env'), 'utf8')).toBe(dotenv);
  });

  test('deletes no original of which the store holds another reading', async () => {
    const text = 'DB_PASS=Tea$hop#2024\n';
    const cwd = await project(text);
    const env = { ...vault.env };
    expect((await keyfall(['migrate', '--reader', 'npm', '--yes'], { cwd, env })).code).toBe(0);
    for (const keep of [[], ['--on-conflict', 'keep']]) {
      await keyfall(['migrate', '--reader', 'python', '--yes', '--purge', ...keep], { cwd, env });
      expect(await readFile(join(cwd, '.env'), 'utf8')).toBe(text);
    }
  });

  test('says which values are made of the environment, and makes none of our own credentials', async () => {
    const cwd = await folderWith('HOME_DIR=${HOME}/data\n');
    const env = { ...vault.env };
    const args = ['migrate', '--reader', 'python', '--yes'];
    const { stderr } = await keyfall(args, { cwd, env });
    expect(stderr).toMatch(/^keyfall: HOME_DIR /m);
    expect((await vault.stored())?.data).toEqual({ HOME_DIR: `${cwd}/data` });
    await writeFile(join(cwd, '.env'), 'PROXY=http://${VAULT_TOKEN}@evil\n');
    for (const command of [args, ['run', '--reader', 'python', '--', 'true']]) {
      const result = await keyfall(command, { cwd, env: { ...env, USE_VAULT: 'false' } });
      expect(result).toMatchObject({ code: 2, stdout: '' });
      expect(result.stderr).toMatch(/^keyfall: PROXY .*\.env .*VAULT_TOKEN/m);
      expect(result.output).not.toContain(vault.server.token);
    }
  });
});

test('what set and export write, all readers read alike, and no shell runs', async () => {
  const cwd = await project('');
  const values = {
    M: 'x$(touch p)\nl2',
    WINDIR_: 'C:\\data\\',
    NEXT: "it's",
    PASS: 'Tea$hop#2024',
  };
  for (const [name, value] of Object.entries(values))
    expect(await keyfall(['set', name], { cwd, input: value })).toMatchObject({ code: 0 });
  const exported = await keyfall(['export', '--format', 'json'], {
    cwd,
    env: { KEYFALL_READER: 'npm' },
  });
  expect(JSON.parse(exported.stdout)).toEqual(values);
  await writeFile(
    join(cwd, 'bot.py'),
    `import json\nfrom dotenv import dotenv_values\nprint(json.dumps(dotenv_values('.env')))`,
  );
  expect(JSON.parse(alone(cwd, python))).toEqual(values);
  const shown = `set -a; . ./.env; node -p 'JSON.stringify([process.env.M, process.env.NEXT, process.env.PASS])'`;
  expect(JSON.parse(alone(cwd, ['sh', '-c', shown]))).toEqual([values.M, values.NEXT, values.PASS]);
  expect(await readdir(cwd)).not.toContain('p');

  const text = await keyfall(['export', '--reader', 'npm'], { cwd });
  await writeFile(join(cwd, 'copy.env'), text.stdout);
  alone(cwd, ['sh', '-c', 'set -a; . ./copy.env']);
  expect(await readdir(cwd)).not.toContain('p');
});
