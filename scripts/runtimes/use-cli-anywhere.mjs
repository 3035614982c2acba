// The built command on whatever system this is, Windows included: a `.env` with the line ends of Windows is read,
// changed without touching its other lines, and given to a program; an age key goes to the Credential Manager of Windows. The command is that of this repository, or of the
// folder in which it is installed that is given.
import assert from 'node:assert/strict';
import { execSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const [installed] = process.argv.slice(2);
const bin = join(
  installed === undefined
    ? fileURLToPath(new URL('../../packages/cli', import.meta.url))
    : resolve(installed, 'node_modules/keyfall'),
  'dist/bundle/bin.cjs',
);
const folder = mkdtempSync(join(tmpdir(), 'keyfall cli '));
// neither a server nor a home of the person who runs this
const own = /^(?:(?:VAULT|BAO|KEYFALL)_.*|USE_VAULT|HOME|USERPROFILE|XDG_.*)$/i;
const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !own.test(name)));

function keyfall(args, input = '') {
  const { status, stdout, stderr } = spawnSync(process.execPath, [bin, ...args], {
    cwd: folder,
    env,
    input,
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}

/** What the command prints; it has to end well. */
function answer(args, input) {
  const { status, stdout, stderr } = keyfall(args, input);
  assert.equal(status, 0, `keyfall ${args.join(' ')}: ${stderr}`);
  return stdout;
}

try {
  const file = join(folder, '.env');
  writeFileSync(file, '# the bot\r\nTOKEN=from the file\r\nPAGES=8\r\n', { mode: 0o600 });
  assert.equal(answer(['get', 'TOKEN']), 'from the file\n');
  assert.equal(answer(['list']), 'PAGES\nTOKEN\n');
  assert.equal(keyfall(['get', 'ABSENT']).status, 1);
  answer(['set', 'PAGES'], 'twelve\n');
  assert.equal(readFileSync(file, 'utf8'), '# the bot\r\nTOKEN=from the file\r\nPAGES=twelve\r\n');
  assert.deepEqual(JSON.parse(answer(['export', '--format', 'json'])), {
    TOKEN: 'from the file',
    PAGES: 'twelve',
  });
  const program = "process.exit(process.env.TOKEN === 'from the file' ? 7 : 1)";
  for (const options of [[], ['--redact']])
    assert.equal(keyfall(['run', ...options, '--', process.execPath, '-e', program]).status, 7);
  assert.equal(keyfall(['run', '--', 'no-such-program-anywhere']).status, 127);
  if (process.platform === 'win32') {
    const script = 'require("fs").writeFileSync("got", JSON.stringify(process.argv.slice(2)))';
    writeFileSync(join(folder, 'tool.cjs'), script);
    writeFileSync(join(folder, 'tool.cmd'), `@"${process.execPath}" "%~dp0tool.cjs" %*\r\n`);
    const all = [
      ['two words', 'a&b', '(c)', '<d>|e', '%PATH%', 'f^g', '!h!'],
      ['say "hi"', 'to the folder\\'],
    ];
    // Wine's command processor parses another way
    for (const given of process.env.WINEPREFIX === undefined ? all : []) {
      answer(['run', '--', '.\\tool', ...given]);
      assert.deepEqual(JSON.parse(readFileSync(join(folder, 'got'), 'utf8')), given);
    }
  }
  if (process.platform === 'win32') {
    // a user who has no key yet: theirs is in another folder
    env.APPDATA = folder;
    const recipient = answer(['share', 'key', '--key-in', 'keychain']).trim();
    try {
      const keys = readFileSync(join(folder, 'sops/age/keys.txt'), 'utf8');
      assert.ok(keys.includes(`\n# keyfall-keychain: ${recipient}\n`));
      assert.ok(!keys.includes('AGE-SECRET-KEY-'));
      assert.ok(/^AGE-SECRET-KEY-1\w{58}\n$/.test(answer(['share', 'key', '--secret'])));
    } finally {
      const { status } = spawnSync('cmdkey', [`/delete:${recipient}.keyfall`]);
      // Wine has no such program
      if (process.env.WINEPREFIX === undefined) assert.equal(status, 0);
    }
  }
  if (installed !== undefined) {
    // what npm makes of the command: a link, or on Windows a script
    const command = `"${resolve(installed, 'node_modules/.bin/keyfall')}" get TOKEN`;
    assert.equal(execSync(command, { cwd: folder, env, encoding: 'utf8' }), 'from the file\n');
  }
} finally {
  rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
}
