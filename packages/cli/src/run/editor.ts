/**
 * A text of secrets in the user's editor. The file that the editor gets is in memory where the system has a folder for that,
 * can be read by the user alone, and is gone with everything that the editor has put beside it when this ends, however it
 * ends.
 */
import { isUtf8 } from 'node:buffer';
import { lstatSync, readdirSync, realpathSync, rmSync } from 'node:fs';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, isAbsolute, join } from 'node:path';
import { SecretError } from '@keyfall/core';
import { readNamedFile } from '../files/read-input.ts';
import { commandNotExecutableExitCode } from '../terminal/exit-code.ts';
import { notice, printable } from '../terminal/terminal.ts';
import { spawner, startChild } from './child-process.ts';
import { type ChildCommand, findExecutable } from './executable.ts';
import type { ForwardTo } from './until-stopped.ts';
import { onWindows } from './windows.ts';

/** How an editor is started. */
export interface EditorOptions {
  /** Its environment, which has no credentials of ours. */
  readonly env: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  readonly forwardTo: ForwardTo;
}

/** What the user has saved. */
export interface SavedText {
  /** Without a byte order mark, and with the line ends that it had. */
  readonly text: string;
  /** Whether it was UTF-8. Else `text` is not what was saved. */
  readonly isUtf8: boolean;
}

/**
 * The text as the user has saved it.
 *
 * @throws `ERR_SECRET_ABORTED` if the editor ends with an error, or a signal has ended it; `ERR_SECRET_CONFIG` if it cannot be
 *   started
 */
export async function inEditor(
  text: string,
  { env, signal, forwardTo }: EditorOptions,
): Promise<SavedText> {
  const spawn = await spawner();
  const folder = await memoryFolder();
  const remove = () => removeAll(folder);
  // where an error that has passed everybody ends the process
  process.on('exit', remove);
  try {
    const path = join(folder, 'secrets.env');
    await writeFile(path, text, { mode: 0o600, flag: 'wx' });
    // from here on it is the editor that a signal goes to
    signal.throwIfAborted();
    const child = startChild(spawn, editorCommand(path, env));
    forwardTo(child);
    const exitCode = await child.exited;
    forwardTo(undefined);
    signal.throwIfAborted();
    if (exitCode >= commandNotExecutableExitCode && exitCode <= 127)
      throw new SecretError('ERR_SECRET_CONFIG', 'the editor could not be started', {
        hint: 'Name another one in VISUAL or EDITOR.',
      });
    if (exitCode !== 0)
      throw new SecretError(
        'ERR_SECRET_ABORTED',
        `the editor ended with exit code ${exitCode}, and nothing was changed`,
      );
    return textOf(await readNamedFile(path, 'the file that the editor was given'));
  } finally {
    forwardTo(undefined);
    remove();
    process.off('exit', remove);
  }
}

/** A new folder for this user alone: of the session or of the machine where they are in memory, else for temporary files. */
async function memoryFolder(): Promise<string> {
  const { XDG_RUNTIME_DIR = '' } = process.env;
  const inMemory = onWindows ? [] : [XDG_RUNTIME_DIR, '/dev/shm'].filter(isAbsolute);
  for (const parent of inMemory) {
    try {
      return await newFolder(parent);
    } catch {
      // it is not there, or is full, or is not ours
    }
  }
  return newFolder(tmpdir());
}

const folderPrefix = 'keyfall-edit-';

/** Says which folder an edit that was killed has left, as nothing else removes it: another edit may be running as well. */
async function newFolder(parent: string): Promise<string> {
  const others = readdirSync(parent, { withFileTypes: true }).filter(
    (entry) => entry.name.startsWith(folderPrefix) && entry.isDirectory(),
  );
  const folder = await mkdtemp(join(parent, folderPrefix));
  const { uid } = lstatSync(folder);
  for (const { name } of others) {
    const path = join(parent, name);
    // of other users where a folder is for all
    if (lstatSync(path, { throwIfNoEntry: false })?.uid === uid)
      notice(
        `${printable(path)} is of another edit, and holds values in plain text. If none is running, remove it.`,
      );
  }
  return folder;
}

function removeAll(folder: string): void {
  try {
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  } catch {
    notice(`${printable(folder)} could not be removed: remove it, it holds values in plain text.`);
  }
}

/**
 * The command for a file, chosen as git does (editor.c): `VISUAL`, unless the terminal is dumb, else `EDITOR`, else the
 * usual one. It is started without a shell if it is one word, and else by a shell, which splits it.
 */
export function editorCommand(
  path: string,
  env: Readonly<Record<string, string>>,
  isWindows: boolean = onWindows,
): ChildCommand {
  const { VISUAL = '', EDITOR = '', TERM } = env;
  const usual = isWindows ? 'notepad' : 'vi';
  const editor = (TERM === 'dumb' ? '' : VISUAL.trim()) || EDITOR.trim() || usual;
  if (isWindows) {
    // there is no shell that splits it as git does
    const [file = usual, ...args] = [...editor.matchAll(/"([^"]*)"|\S+/g)].map(
      ([word, quoted]) => quoted ?? word,
    );
    return { file, args: [...args, path], env };
  }
  const [program = editor] = editor.split(/\s/, 1);
  const args = [...ofVim(program, env), path];
  // the characters that git leaves to a shell (run-command.c)
  if (!/[|&;<>()$`\\"' \t\n*?[#~=%]/.test(editor)) return { file: editor, args, env };
  return { file: '/bin/sh', args: ['-c', `${editor} "$@"`, editor, ...args], env };
}

/**
 * Vim writes elsewhere than beside the file: swap and undo files, backups, and in its history what was deleted. And it obeys
 * what it takes for settings in a text, which here has values of anybody.
 */
const forSecrets = [
  ...['-n', '-i', 'NONE', '--cmd', 'silent! autocmd BufReadPre * setlocal nomodeline'],
  ...['-c', 'silent! set nobackup nowritebackup noundofile viminfo= shada='],
];

/** The arguments that keep Vim from both; none for another editor. `vi` is often a link to it. */
function ofVim(program: string, env: ChildCommand['env']): readonly string[] {
  const found = findExecutable(program, env);
  if (!('path' in found)) return [];
  // vim.basic, nvim, gvim
  return /^[gn]?vim\b/.test(basename(realpathSync(found.path))) ? forSecrets : [];
}

function textOf(bytes: Buffer | undefined): SavedText {
  if (bytes === undefined)
    throw new SecretError(
      'ERR_SECRET_ABORTED',
      'the editor has removed the file, and nothing was changed',
    );
  const text = new TextDecoder().decode(bytes);
  // an editor of Windows ends every line so; a value with such a line end is written as an escape
  const isOfWindows = text.includes('\r\n') && !/(?<!\r)\n/.test(text);
  return { text: isOfWindows ? text.replaceAll('\r\n', '\n') : text, isUtf8: isUtf8(bytes) };
}
