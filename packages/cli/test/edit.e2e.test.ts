/**
 * `keyfall edit` with editors that are scripts: what they get to see, what is stored of what they save, and what is left
 * behind.
 */
import { access, chmod, copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { decryptSopsFile, encryptSopsFile, sopsProvider } from '@keyfall/provider-sops';
import { callContext } from '@keyfall/testkit';
import { describe, expect, test } from 'vitest';
import { testFolder } from '../../../test/test-folder.ts';
import { ageKey, bin, finished, folderWith, install, keyfall, start } from './keyfall.ts';
import { onTerminal } from './on-terminal.ts';
import { vaultDocuments } from './vault-documents.ts';

const canary = 'canary-71fe22';
const file = 'secrets.enc.env';
const vault = vaultDocuments();

type Values = Readonly<Record<string, string>>;

/** An encrypted file with these values. */
async function encrypted(values: Values): Promise<Buffer> {
  const path = join(await testFolder(), file);
  await encryptSopsFile(path, new Map(Object.entries(values)), {
    ageRecipients: [ageKey.recipient],
  });
  return readFile(path);
}

const usual: Values = { TOKEN: canary, DB_PASS: `p ${canary}`, OLD: 'x' };
let ofUsual: Promise<Buffer> | undefined;

/** A project with an encrypted file, and an editor that runs these commands of a shell with the file as `$1`. */
async function project(editor: string, values = usual) {
  const cwd = await folderWith();
  const path = join(cwd, file);
  ofUsual ??= encrypted(usual);
  await writeFile(path, await (values === usual ? ofUsual : encrypted(values)));
  const providers = [{ provider: 'sops', path: file }];
  await writeFile(join(cwd, 'keyfall.config.json'), JSON.stringify({ providers }));
  const { env, setEditor } = await withEditor(cwd, editor);
  const text = () => readFile(path, 'utf8');
  const run = (...args: string[]) => keyfall(['edit', ...args], { cwd, env });
  const now = async () =>
    JSON.parse((await keyfall(['export', '--format', 'json'], { cwd, env })).stdout);
  return { cwd, env, text, run, values: now, setEditor };
}

/** The editor of a folder, with a folder of the session that is memory, as far as it knows. */
async function withEditor(cwd: string, editor: string) {
  const memory = await testFolder();
  const script = join(cwd, 'editor.sh');
  const setEditor = async (lines: string) => {
    await writeFile(script, `#!/bin/sh\nset -e\n${lines}\n`);
    await chmod(script, 0o755);
  };
  await setEditor(editor);
  const env = { EDITOR: script, XDG_RUNTIME_DIR: memory, SOPS_AGE_KEY_FILE: ageKey.file };
  return { env, memory, setEditor };
}

/** Changes a value, adds a name and deletes one. */
const threeChanges = `sed -i -e "s/^TOKEN=.*/TOKEN='new ${canary}'/" -e /^OLD=/d "$1"; echo ADDED=${canary} >> "$1"`;

test('the folder that an edit has left which was killed is named, and stays', async () => {
  const { run, env } = await project('exit 0');
  const left = join(env.XDG_RUNTIME_DIR, 'keyfall-edit-x');
  await mkdir(left);
  await mkdir(join(env.XDG_RUNTIME_DIR, 'another'));
  const { code, stderr } = await run();
  expect(code).toBe(0);
  expect(stderr).toContain(`${left} is of another edit`);
  expect(stderr).not.toContain('another is of');
  expect((await readdir(env.XDG_RUNTIME_DIR)).sort()).toEqual(['another', 'keyfall-edit-x']);
});

test('what is changed, added and deleted in the editor is stored in one write', async () => {
  const { run, values, text, env } = await project(threeChanges);
  const before = await text();
  const result = await run();
  expect(result).toMatchObject({ code: 0, stdout: '' });
  expect(result.stderr).toContain(
    'changed TOKEN, added ADDED, deleted OLD in sops (secrets.enc.env)',
  );
  expect(result.output).not.toContain('canary');
  expect(await values()).toEqual({
    TOKEN: `new ${canary}`,
    DB_PASS: `p ${canary}`,
    ADDED: canary,
  });
  const kept = /^DB_PASS=.*$/m.exec(before)?.[0];
  expect(await text()).toContain(kept);
  expect(await readdir(env.XDG_RUNTIME_DIR)).toEqual([]);
});

test('the editor gets a file that only the user can read, and none of our credentials', async () => {
  const see = `stat -c '%a' "$1" "$(dirname "$1")" > seen; echo "$1" >> seen; env >> seen
    cp "$1" copy; touch "$(dirname "$1")/.secrets.env.swp" "$1~"`;
  const { cwd, run, env, text } = await project(see);
  const before = await text();
  const secret = /AGE-SECRET\S+/.exec(await readFile(ageKey.file, 'utf8'))?.[0] ?? '';
  const result = await keyfall(['edit'], {
    cwd,
    env: { ...env, SOPS_AGE_KEY: secret, VAULT_TOKEN: 'hvs.canary', TERM: 'xterm' },
  });
  expect(result).toMatchObject({ code: 0, stderr: expect.stringContaining('nothing was changed') });
  expect(await text()).toBe(before);
  const [mode, folderMode, path = '', ...rest] = (await readFile(join(cwd, 'seen'), 'utf8')).split(
    '\n',
  );
  expect([mode, folderMode]).toEqual(['600', '700']);
  expect(dirname(dirname(path))).toBe(env.XDG_RUNTIME_DIR);
  expect(rest.join('\n')).toContain('TERM=xterm');
  expect(rest.join('\n')).not.toMatch(/SOPS_AGE|VAULT_TOKEN|AGE-SECRET|canary/);
  const shown = await readFile(join(cwd, 'copy'), 'utf8');
  expect(shown).toMatch(/^# 3 names of sops \(secrets\.enc\.env\)\./);
  expect(shown).toContain(`\nTOKEN=${canary}\nDB_PASS='p ${canary}'\nOLD=x\n`);
  expect(await readdir(env.XDG_RUNTIME_DIR)).toEqual([]);
  expect((await run()).code).toBe(0);
});

test('values of any kind stay as they are when others are changed', async () => {
  const values = {
    PEM: '-----BEGIN KEY-----\nMIIB+/=\n-----END KEY-----\n',
    JSON: '{"a": "b#c", "d": \'e\'}',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: what a .env may hold
    DOLLAR: 'Tea$hop#2024 ${HOME} `x`',
    EMPTY: '',
    SPACE: '  x  ',
    EXPORT: 'export',
    MIX: `' " \` # \r\\n`,
    UNICODE: 'ключ 🔑\u2028',
    'with.dots-and': 'nested',
    'no name of a .env': canary,
    TOKEN: 'old',
  };
  const {
    run,
    text,
    values: now,
    cwd,
  } = await project('cp "$1" copy; sed -i s/^TOKEN=old/TOKEN=changed/ "$1"', values);
  const before = (await text()).split('\n');
  expect(await run()).toMatchObject({
    code: 0,
    stderr: expect.stringContaining('changed TOKEN in'),
  });
  expect(await now()).toEqual({ ...values, TOKEN: 'changed' });
  const changed = (await text()).split('\n').filter((line) => !before.includes(line));
  const names = changed.map((line) => line.split('=')[0] ?? '');
  expect(names.filter((name) => !name.startsWith('sops_'))).toEqual(['TOKEN']);
  const shown = await readFile(join(cwd, 'copy'), 'utf8');
  expect(shown).toMatch(/^# Not here, .*: .*no name of a \.env/m);
  expect(shown).not.toContain(canary);
});

test.each<[string, string, string]>([
  ['a quote that is not closed', `sed -i "s/^TOKEN=.*/TOKEN='${canary}/" "$1"`, 'TOKEN'],
  ['a name twice', `echo TOKEN=${canary}-2 >> "$1"`, 'TOKEN'],
  ['a line that is nothing', `echo ${canary} >> "$1"`, 'line '],
  ['a value that programs read differently', `echo 'NEW=${canary}$TOKEN' >> "$1"`, 'NEW'],
  ['no name', ': > "$1"', 'keyfall delete'],
  ['a setting of our own', `echo VAULT_TOKEN=${canary} >> "$1"`, 'VAULT_TOKEN'],
  ['bytes that are no text', `printf 'A=\\377' >> "$1"`, 'UTF-8'],
])('a text with %s is not stored', async (_, editor, why) => {
  const { run, text, env } = await project(editor);
  const before = await text();
  const result = await run();
  expect(result).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining(why) });
  expect(result.output).not.toContain('canary');
  expect(await text()).toBe(before);
  expect(await readdir(env.XDG_RUNTIME_DIR)).toEqual([]);
});

test('a reader that is named decides how the text is read', async () => {
  const { run, values } = await project(`echo 'NEW=a$b c' >> "$1"`);
  expect((await run('--reader', 'npm')).code).toBe(0);
  expect((await values()).NEW).toBe('a$b c');
});

test.each([
  ['ends with an error', 'echo NEW=1 >> "$1"; exit 1', 130],
  ['removes the file', 'rm "$1"', 130],
  ['is killed', 'echo NEW=1 >> "$1"; kill -KILL $$', 130],
])('nothing is stored if the editor %s', async (_, editor, code) => {
  const { run, text, env } = await project(editor);
  const before = await text();
  expect((await run()).code).toBe(code);
  expect(await text()).toBe(before);
  expect(await readdir(env.XDG_RUNTIME_DIR)).toEqual([]);
});

test('VISUAL comes before EDITOR, with arguments that a shell splits, and a program that is missing is named', async () => {
  const { cwd, env, values, text } = await project('exit 3');
  await mkdir(join(cwd, 'my tools'));
  const tool = join(cwd, 'my tools', 'ed it');
  await writeFile(tool, '#!/bin/sh\n[ "$1" = --wait ] && [ $# = 2 ] && echo "NEW=$0" >> "$2"\n');
  await chmod(tool, 0o755);
  const edit = (more: Record<string, string>) =>
    keyfall(['edit'], { cwd, env: { ...env, ...more } });
  expect((await edit({ VISUAL: `'${tool}' --wait` })).code).toBe(0);
  expect((await values()).NEW).toBe(tool);
  // on a dumb terminal nothing is drawn
  expect((await edit({ VISUAL: `'${tool}' --wait`, TERM: 'dumb' })).code).toBe(130);
  const before = await text();
  for (const VISUAL of ['keyfall-has-no-such-editor', 'keyfall-has-no-such-editor --wait']) {
    const missing = await edit({ VISUAL });
    expect(missing).toMatchObject({ code: 2, stderr: expect.stringContaining('EDITOR') });
  }
  expect(await text()).toBe(before);
});

describe('another writer meanwhile', () => {
  /** A copy of the file with what another writer has changed, and the command that puts it in its place. */
  async function changedTo(cwd: string, values: Values): Promise<string> {
    const theirs = join(cwd, 'theirs.env');
    await copyFile(join(cwd, file), theirs);
    const provider = sopsProvider({ path: theirs, ageKeyFile: ageKey.file });
    await provider.write?.({ entries: new Map(Object.entries(values)) }, callContext());
    return `cp '${theirs}' '${join(cwd, file)}'`;
  }
  // the command itself: while the editor is open the file is not locked
  const set = (name: string, value: string) =>
    `printf '%s' '${value}' | SOPS_AGE_KEY_FILE='${ageKey.file}' '${process.execPath}' '${bin}' set ${name} 2>&1 >/dev/null`;

  test('who has changed another name is no conflict', async () => {
    const { run, values } = await project(`${set('DB_PASS', 'theirs')}\n${threeChanges}`);
    expect((await run()).code).toBe(0);
    expect(await values()).toEqual({ TOKEN: `new ${canary}`, DB_PASS: 'theirs', ADDED: canary });
  });

  test('who has changed the same name is one, and nothing is stored', async () => {
    const { cwd, run, values, setEditor } = await project('');
    await setEditor(`${await changedTo(cwd, { TOKEN: 'theirs' })}\n${threeChanges}`);
    const result = await run();
    expect(result).toMatchObject({ code: 1, stderr: expect.stringContaining('TOKEN') });
    expect(result.output).not.toMatch(/canary|theirs/);
    expect(await values()).toEqual({ TOKEN: 'theirs', DB_PASS: `p ${canary}`, OLD: 'x' });
  });

  test('on a terminal the text is edited again, with what the other has changed', async () => {
    const { cwd, env, values, setEditor } = await project('');
    const theirs = { TOKEN: 'theirs', DB_PASS: 'theirs too', FOUND: 'new' };
    await setEditor(`if [ -e first ]; then cp "$1" second; exit; fi
      cp "$1" first; ${await changedTo(cwd, theirs)}
      ${threeChanges}`);
    const result = await onTerminal(['edit'], [['What now?', '\r']], { cwd, env });
    expect(result.code).toBe(0);
    expect(result.stdout).not.toContain('canary');
    const second = await readFile(join(cwd, 'second'), 'utf8');
    expect(second).toMatch(/^#! .*TOKEN/);
    expect(second).toContain(`\nTOKEN='new ${canary}'\nDB_PASS='theirs too'\n`);
    expect(await values()).toEqual({
      TOKEN: `new ${canary}`,
      DB_PASS: 'theirs too',
      FOUND: 'new',
      ADDED: canary,
    });
  });
});

test('on a terminal an unclear text is edited again, and the user can stop', async () => {
  const { cwd, env, values, text, setEditor } = await project('');
  const before = await text();
  await setEditor(`echo "NEW='${canary}" >> "$1"`);
  const stopped = await onTerminal(['edit'], [['What now?', '\u001b[B\r']], { cwd, env });
  expect(stopped.code).toBe(130);
  expect(await text()).toBe(before);
  await setEditor(
    `if [ -e first ]; then sed -i "s/^NEW=.*/NEW='${canary}'/" "$1"; exit; fi
    touch first; echo "NEW='${canary}" >> "$1"`,
  );
  const result = await onTerminal(['edit'], [['What now?', '\r']], { cwd, env });
  expect(result).toMatchObject({ code: 0, stdout: expect.stringContaining('added NEW') });
  expect((await values()).NEW).toBe(canary);
  for (const { stdout } of [stopped, result]) expect(stdout).not.toContain('canary');
  expect(await readdir(env.XDG_RUNTIME_DIR)).toEqual([]);
});

test.each<[NodeJS.Signals, number]>([
  ['SIGTERM', 143],
  ['SIGHUP', 129],
  ['SIGINT', 130],
])('after %s nothing is stored, and nothing is left', async (signal, code) => {
  const { cwd, env, text } = await project(
    `echo NEW=1 >> "$1"; touch "$1.swp"; echo started > ready.part; mv ready.part ready; exec sleep 60`,
  );
  const before = await text();
  const child = start(['edit'], { cwd, env });
  const result = finished(child);
  for (;;) {
    const isReady = await access(join(cwd, 'ready')).then(
      () => true,
      () => false,
    );
    if (isReady) break;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  child.kill(signal);
  expect((await result).code).toBe(code);
  expect(await text()).toBe(before);
  expect(await readdir(env.XDG_RUNTIME_DIR)).toEqual([]);
});

test('Ctrl-C on a terminal is for the editor', async () => {
  const { cwd, env, values } = await project(
    // a shell that sleeps itself takes a signal that comes before the sleep does only after it
    `trap 'kill $!; echo NEW=1 >> "$1"; exit 0' INT; sleep 60 & echo READY; wait`,
  );
  const result = await onTerminal(['edit'], [['READY', '\u0003']], { cwd, env });
  expect(result.code).toBe(0);
  expect((await values()).NEW).toBe('1');
});

test('a document in Vault is edited, on condition that no one else writes it', async () => {
  const cwd = await folderWith('LOCAL=l\n');
  await vault.store({ TOKEN: canary, PORT: 5432, OLD: 'x' });
  const { env, setEditor } = await withEditor(cwd, threeChanges);
  const all = { ...env, ...vault.env, USE_VAULT: 'true' };
  const result = await keyfall(['edit'], { cwd, env: all });
  expect(result).toMatchObject({ code: 0, stderr: expect.stringContaining(', version 2') });
  expect(result.output).not.toContain('canary');
  expect(await vault.stored()).toEqual({
    version: 2,
    data: { TOKEN: `new ${canary}`, PORT: 5432, ADDED: canary },
  });
  await setEditor('cat "$1" > copy');
  const down = await keyfall(['edit'], { cwd, env: { ...all, VAULT_ADDR: 'http://127.0.0.1:1' } });
  expect(down.code).toBe(3);
  await expect(access(join(cwd, 'copy'))).rejects.toThrow('ENOENT');
});

test('a change that would never be seen is not made', async () => {
  const { cwd, env, text } = await project('sed -i s/^OLD=x/OLD=y/ "$1"');
  const providers = [{ provider: 'env' }, { provider: 'sops', path: file }];
  await writeFile(join(cwd, 'keyfall.config.json'), JSON.stringify({ providers }));
  const before = await text();
  const result = await keyfall(['edit'], { cwd, env: { ...env, OLD: 'inherited' } });
  expect(result).toMatchObject({ code: 1, stderr: expect.stringContaining('OLD') });
  expect(await text()).toBe(before);
  expect((await keyfall(['edit'], { cwd, env })).code).toBe(0);
});

test('a name whose value cannot be read is named, and left alone', async () => {
  const { cwd, env, setEditor } = await project('');
  const path = join(cwd, 'other.json');
  const values = new Map([
    ['a.b', canary],
    ['a/b', `${canary}-2`],
    ['FINE', 'x'],
  ]);
  await encryptSopsFile(path, values, { ageRecipients: [ageKey.recipient], separator: '/' });
  const providers = [{ provider: 'sops', path: 'other.json' }];
  await writeFile(join(cwd, 'keyfall.config.json'), JSON.stringify({ providers }));
  await setEditor('cp "$1" copy; sed -i s/^FINE=x/FINE=y/ "$1"');
  expect((await keyfall(['edit'], { cwd, env })).code).toBe(0);
  const shown = await readFile(join(cwd, 'copy'), 'utf8');
  expect(shown).toMatch(/^# Not here, .* a\.b\.$/m);
  expect(shown).not.toContain('canary');
  expect(await decryptSopsFile(path, { ageKeyFile: ageKey.file })).toEqual({
    'a.b': canary,
    a: { b: `${canary}-2` },
    FINE: 'y',
  });
});

/** A store whose every write meets another writer, who changes a name at that moment: so many times. */
const contended = (times: number, name: string) => `
  import { SecretError } from '@keyfall/core';
  let times = ${times}, revision = 1;
  const values = new Map([['TOKEN', 'old'], ['OTHER', 'old']]);
  const entries = () => new Map([...values].map(([name, value]) => [name, { value }]));
  export default { providers: [{
    name: 'contended', store: 'contended', conditionalWrites: 'always',
    read: async () => ({ entries: entries(), complete: true, revision: String(revision) }),
    async write(changes) {
      if (times-- > 0) { revision++; values.set('${name}', 'theirs ' + revision); }
      if (changes.ifRevision !== String(revision))
        throw new SecretError('ERR_SECRET_CONFLICT', 'it changed', { provider: 'contended', applied: 'no' });
      for (const [name, value] of changes.entries) values.set(name, value);
      console.log(JSON.stringify(Object.fromEntries(values)));
      return { revision: String(revision), conditional: true };
    },
  }] };`;

test.each([
  ['OTHER', 2, 0, '{"TOKEN":"new","OTHER":"theirs 3"}\n'],
  ['OTHER', 99, 1, ''],
  ['TOKEN', 1, 1, ''],
])('if %s changes between our read and %i of our writes, the exit code is %i', async (...row) => {
  const [name, times, code, stdout] = row;
  const cwd = await folderWith();
  await install(cwd, '@keyfall/core');
  await writeFile(join(cwd, 'keyfall.config.mjs'), contended(times, name));
  const { env } = await withEditor(cwd, 'sed -i s/^TOKEN=old/TOKEN=new/ "$1"');
  expect(await keyfall(['edit'], { cwd, env })).toMatchObject({ code, stdout });
});

test('a store that is empty is filled, and a .env is edited in place', async () => {
  const cwd = await folderWith('# mine\nA=1 # one\nUSE_VAULT=false\n');
  const { env, setEditor } = await withEditor(cwd, 'sed -i s/^A=1/A=2/ "$1"; echo B=3 >> "$1"');
  expect((await keyfall(['edit'], { cwd, env })).code).toBe(0);
  expect(await readFile(join(cwd, '.env'), 'utf8')).toBe(
    '# mine\nA=2 # one\nUSE_VAULT=false\nB=3\n',
  );
  const empty = await folderWith();
  await setEditor('echo FIRST=1 >> "$1"');
  expect((await keyfall(['edit'], { cwd: empty, env })).code).toBe(0);
  expect(await readFile(join(empty, '.env'), 'utf8')).toBe('FIRST=1\n');
  // whose lines are read differently, there is no saying what the editor would have to show
  const odd = await folderWith('DB_PASS=Tea$hop#2024\n');
  expect((await keyfall(['edit'], { cwd: odd, env })).code).toBe(2);
});

test('a chain that nothing can be written to says so', async () => {
  const cwd = await folderWith();
  const providers = [{ provider: 'env' }];
  await writeFile(join(cwd, 'keyfall.config.json'), JSON.stringify({ providers }));
  const { env } = await withEditor(cwd, '');
  expect((await keyfall(['edit'], { cwd, env })).code).toBe(2);
});
