/**
 * The words of the command line: its help, what it says of success, and its most frequent errors, in snapshots. Every
 * other test looks at exit codes, names and files, so that a sentence is improved in one place (`vitest -u`).
 */
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ageKey, folderWith, install, keyfall, makeRepository } from './keyfall.ts';
import { transcript } from './transcript.ts';
import { vaultDocuments } from './vault-documents.ts';

const vault = vaultDocuments();

/** What these commands print, each under its own line, with its exit code where that is not 0. */
async function session(
  cwd: string,
  env: Readonly<Record<string, string>>,
  commands: readonly (string | readonly [command: string, input: string])[],
): Promise<string> {
  const shown: string[] = [];
  for (const each of commands) {
    const [command, input] = typeof each === 'string' ? [each] : each;
    const { code, stdout, stderr } = await keyfall(command.split(' '), {
      cwd,
      env,
      ...(input !== undefined && { input }),
    });
    shown.push(
      `$ keyfall ${command}`,
      `${stdout}${stderr}${code === 0 ? '' : `(exit code ${code})\n`}`,
    );
  }
  return transcript(shown, {
    FOLDER: cwd,
    ADDRESS: vault.server.address,
    DOCUMENT: `${vault.mount}/${vault.path}`,
    MOUNT: vault.mount,
    NODE: process.versions.node,
  });
}

describe('the help', () => {
  test.each(
    `list get set delete edit explain run export status doctor diff history rollback migrate snapshot share
    init types trust completion`.split(/\s+/),
  )('of %s is this', async (command) => {
    expect(await session(await folderWith(), {}, [`${command} --help`])).toMatchSnapshot();
  });

  test('of keyfall itself is this', async () => {
    expect(await session(await folderWith(), {}, ['--help'])).toMatchSnapshot();
  });
});

test('commands on a .env without Vault print this', async () => {
  const cwd = await folderWith('TOKEN=t\nDB_PASS=p\n');
  await chmod(join(cwd, '.env'), 0o600);
  await makeRepository(cwd);
  expect(
    await session(cwd, {}, [
      'list',
      'get TOKN',
      ['set TOKEN', 'new'],
      'delete DB_PASS',
      'delete DB_PASS',
      'explain TOKEN',
      'explain NOPE',
      'history TOKEN',
      'run --only NOPE -- true',
      'run -- keyfall-has-no-such-program',
      'run --preserv-env -- true',
      'export --only NOPE,OTHER',
      'diff dotenv valt',
      'status',
      'doctor',
      'lst',
      '--dotenv none.env list',
      '--config none.json list',
      'init --yes --providers dotenv',
      'init --yes --providers dotenv',
      '--no-config trust',
    ]),
  ).toMatchSnapshot();
  await writeFile(join(cwd, '.env'), '');
  expect(await session(cwd, {}, ['--no-config run -- true'])).toMatchSnapshot();
});

test('a migration to Vault and its undoing print this', async () => {
  const cwd = await folderWith('TOKEN=t\nDB_PASS=p\nVAULT_TOKEN=never\n');
  await vault.store({ DB_PASS: 'theirs', OTHER: 'x' });
  const before = await session(cwd, vault.env, [
    'migrate --dry-run --on-conflict overwrite',
    'migrate --yes',
    'migrate --yes --on-conflict overwrite --purge',
    'migrate',
    'migrate --list-backups',
  ]);
  expect(before).toMatchSnapshot();
  const backup = /\.env\.backup\.\w+/;
  const listed = await keyfall(['migrate', '--list-backups', '--json'], { cwd, env: vault.env });
  const [found = ''] = backup.exec(listed.stdout) ?? [];
  expect(
    await session(cwd, vault.env, [
      `migrate --restore ${found} --yes`,
      `migrate --restore ${found}.journal --yes`,
      'migrate --yes --select NOPE',
      'migrate --to valut',
      'migrate --to aws',
      'migrate --from vault --to vault',
      'migrate --clean',
    ]),
  ).toMatchSnapshot();
});

test('commands on a chain of Vault and .env print this, whether Vault answers or not', async () => {
  const cwd = await folderWith('TOKEN=t\nLOCAL=l\n');
  await chmod(join(cwd, '.env'), 0o600);
  await vault.store({ TOKEN: 'of vault' });
  const env = { ...vault.env, USE_VAULT: 'true', TOKEN: 'inherited' };
  expect(
    await session(cwd, env, [
      'run -- true',
      'explain TOKEN',
      ['set NEW', 'value'],
      'delete NEW',
      'history TOKEN',
      'rollback TOKEN --to 9',
      'diff vault dotenv',
    ]),
  ).toMatchSnapshot();
  const down = { ...env, VAULT_ADDR: 'http://127.0.0.1:1' };
  expect(
    await session(cwd, down, [
      'get TOKEN',
      'get NOPE',
      ['set NEW', 'value'],
      'run -- true',
      'status',
    ]),
  ).toMatchSnapshot();
  const mistyped = { ...env, VAULT_SECRET_PATH: 'none' };
  expect(await session(cwd, mistyped, ['run -- true', 'get NOPE'])).toMatchSnapshot();
  expect(await session(cwd, { ...env, VAULT_TOKEN: 'wrong' }, ['get TOKEN'])).toMatchSnapshot();
  expect(await session(cwd, { USE_VAULT: 'true' }, ['get TOKEN'])).toMatchSnapshot();
});

test('keyfall snapshot prints this', async () => {
  const cwd = await folderWith('TOKEN=t\n');
  await install(cwd, '@keyfall/provider-sops');
  expect(
    await session(cwd, {}, [
      'snapshot',
      `snapshot --recipient ${ageKey.recipient}`,
      `snapshot .env --recipient ${ageKey.recipient}`,
      `snapshot x.txt --recipient ${ageKey.recipient}`,
    ]),
  ).toMatchSnapshot();
});

test('keyfall share prints this', async () => {
  const cwd = await folderWith('TOKEN=t\n');
  const env = { SOPS_AGE_KEY_FILE: ageKey.file };
  const other = 'age1xf9td8kcgg68xuj0l8uqvynr2cepptxalvjfp66j7vzsdptj89jquq3r98';
  const before = await session(cwd, env, ['share list']);
  await keyfall(['init', '--local'], { cwd, env });
  expect(
    before +
      (await session(cwd, env, [
        'share list',
        `share add ${other}`,
        `share add ${other}`,
        'share list',
        `share remove ${other}`,
        `share remove ${other}`,
        `share remove ${ageKey.recipient}`,
        'share add ada.pub',
        'share add',
        'share key',
      ])),
  ).toMatchSnapshot();
});

test('keyfall edit prints this', async () => {
  const cwd = await folderWith('TOKEN=t\nOLD=o\n');
  await writeFile(
    join(cwd, 'editor.sh'),
    `#!/bin/sh\ncase "$EDIT" in fail) exit 1 ;; esac\neval "$EDIT"\n`,
  );
  await chmod(join(cwd, 'editor.sh'), 0o755);
  const edited = (EDIT: string) => session(cwd, { EDIT, EDITOR: join(cwd, 'editor.sh') }, ['edit']);
  const shown = [
    await edited('true'),
    await edited('sed -i -e s/^TOKEN=t/TOKEN=new/ -e /^OLD/d "$1"; echo NEW=1 >> "$1"'),
    await edited('echo nothing >> "$1"'),
    await edited('echo NEW=2 >> "$1"'),
    await edited('echo "OTHER=\'x" >> "$1"'),
    await edited(': > "$1"'),
    await edited('printf TOKEN=other > .env; sed -i s/^TOKEN=new/TOKEN=mine/ "$1"'),
    await edited('cat "$1" >&2'),
    await edited('fail'),
    await session(cwd, { EDITOR: 'keyfall-has-no-such-editor' }, ['edit']),
  ];
  expect(shown.join('\n')).toMatchSnapshot();
});

test('a wrong configuration is refused with these words', async () => {
  const cwd = await folderWith('A=1\n');
  const wrong = [
    { providers: 'none' },
    { providers: [] },
    { providers: [{ provider: 'valt' }] },
    { providers: [{ provider: 'dotenv', pth: 'x' }] },
    { providers: [{ provider: 'dotenv' }], ttl: 'soon' },
    { providers: [{ provider: 'dotenv', standby: true }] },
    { providers: [{ provider: 'doppler' }] },
    { providers: [{ provider: 'dotenv' }], names: ['NOPE', 'A'], profiles: { prod: {} } },
  ];
  const shown: string[] = [];
  for (const config of wrong) {
    await writeFile(join(cwd, 'keyfall.config.json'), JSON.stringify(config));
    shown.push(await session(cwd, {}, ['list']));
  }
  shown.push(await session(cwd, {}, ['--profile prd run -- true', '--profile prod run -- true']));
  expect(shown.join('\n')).toMatchSnapshot();
});
