/**
 * Completion in the shells that only Debian has: typed at a real zsh, and asked of a real fish.
 */
import { execFile } from 'node:child_process';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { bin, folderWith, keyfall } from './keyfall.ts';
import { typing } from './on-terminal.ts';

const run = promisify(execFile);

/** A folder with the script for a shell, and `keyfall` on its PATH. */
async function withScript(shell: string): Promise<{ cwd: string; script: string; PATH: string }> {
  const cwd = await folderWith();
  const { stdout } = await keyfall(['completion', shell], { cwd });
  const script = join(cwd, `script.${shell}`);
  await writeFile(script, stdout);
  await writeFile(join(cwd, 'keyfall'), `#!/bin/sh\nexec '${process.execPath}' '${bin}' "$@"\n`);
  await chmod(join(cwd, 'keyfall'), 0o755);
  return { cwd, script, PATH: `${cwd}:${process.env['PATH']}` };
}

describe('fish', () => {
  test('offers commands, options and choices', async () => {
    const { cwd, script, PATH } = await withScript('fish');
    await run('fish', ['--no-execute', script]);
    const offered = async (line: string) => {
      const command = `source ${script}; complete -C ${JSON.stringify(line)}`;
      const { stdout } = await run('fish', ['--no-config', '-c', command], {
        cwd,
        env: { PATH, HOME: cwd },
      });
      return stdout
        .split('\n')
        .filter((each) => each !== '')
        .map((each) => each.split('\t')[0]);
    };
    expect(await offered('keyfall do')).toEqual(['doctor']);
    expect(await offered('keyfall --prof')).toEqual(['--profile']);
    expect(await offered('keyfall export --form')).toEqual(['--format']);
    expect((await offered('keyfall export --format ')).sort()).toEqual(
      ['dotenv', 'json', 'yaml', 'shell', 'docker', 'github'].sort(),
    );
    expect(await offered('keyfall export --format=ya')).toEqual(['--format=yaml']);
    expect((await offered('keyfall completion ')).sort()).toEqual(['bash', 'fish', 'zsh']);
    expect(await offered('keyfall list --onl')).toEqual([]);
    expect((await offered('keyfall share ')).sort()).toEqual(['add', 'key', 'list', 'remove']);
    expect(await offered('keyfall share add script')).toEqual(['script.fish']);
    // behind the value of an option too
    await writeFile(join(cwd, 'prod.env'), '');
    expect(await offered('keyfall --dotenv pro')).toEqual(['prod.env']);
    expect(await offered('keyfall --dotenv prod.env ')).toContain('export');
    expect(await offered('keyfall --dotenv prod.env doc')).toEqual(['doctor']);
    expect(await offered('keyfall --profile export lis')).toEqual(['list']);
    // of what run starts, that is offered which it takes by itself
    expect(await offered('keyfall run -- ech')).toEqual(['echo']);
    expect(await offered('keyfall --dotenv prod.env run --only A -- ech')).toEqual(['echo']);
    expect(await offered('keyfall run -- cat prod')).toEqual(['prod.env']);
    expect(await offered('keyfall run -- keyfall expo')).toEqual(['export']);
    expect(await offered('keyfall get -- ech')).toEqual([]);
  });
});

describe('zsh', () => {
  test('the script is valid, and completes commands, options and files', async () => {
    const { script } = await withScript('zsh');
    await run('zsh', ['-n', script]);
  });

  test.each([
    ['keyfall docto\t', 'keyfall doctor'],
    ['keyfall --profile prod histo\t', 'keyfall --profile prod history'],
    ['keyfall export --forma\t', 'keyfall export --format'],
    ['keyfall export --format yam\t', 'keyfall export --format yaml'],
    ['keyfall export --format=yam\t', 'keyfall export --format=yaml'],
    ['keyfall completion fis\t', 'keyfall completion fish'],
    ['keyfall share rem\t', 'keyfall share remove'],
    ['keyfall share add script.z\t', 'keyfall share add script.zsh'],
    ['keyfall --dotenv prod.env histo\t', 'keyfall --dotenv prod.env history'],
    ['keyfall run -- ech\t', 'keyfall run -- echo'],
    ['keyfall run --only run -- ech\t', 'keyfall run --only run -- echo'],
    ['keyfall --profile prod run -- ech\t', 'keyfall --profile prod run -- echo'],
    ['keyfall run -- cat script.z\t', 'keyfall run -- cat script.zsh'],
  ])('%j', async (typed, line) => {
    const { cwd, script, PATH } = await withScript('zsh');
    const { stdout } = await typing(
      ['zsh', '-f', '-i'],
      [
        ['', `autoload -Uz compinit; compinit -u -D; source ${script}; PS1='re''ady> '\n`],
        ['ready> ', typed],
        // the line as the shell now has it, run as the argument of another command
        [line.slice(-4), '\u0001echo got: \n'],
        ['got: keyfall', 'exit\n'],
      ],
      { cwd, env: { PATH, TERM: 'dumb' } },
    );
    expect(stdout).toContain(`got: ${line}`);
    expect(stdout).not.toMatch(/bad math|error/);
  });
});
