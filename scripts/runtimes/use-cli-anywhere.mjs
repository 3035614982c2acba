// The built command on whatever system this is, Windows included: a `.env` with the line ends of Windows is read,
// changed without touching its other lines, and given to a program.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const bin = fileURLToPath(new URL('../../packages/cli/dist/bundle/bin.cjs', import.meta.url));
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
} finally {
  rmSync(folder, { recursive: true, force: true });
}
