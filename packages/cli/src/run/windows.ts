/**
 * How Windows differs for `run`: the names of variables, what is looked for under the name of a program, how a program is
 * ended. The rest of the room asks here.
 */
import type { ChildProcess } from 'node:child_process';
import { win32 } from 'node:path';
import { foldersOfWindowsPath } from '@keyfall/core/provider/files';

/** Whether this is Windows. */
export const onWindows: boolean = process.platform === 'win32';

/** An environment as Node has it. */
type Variables = Readonly<Record<string, string | undefined>>;

/** A variable's name as it is compared: `Path` and `PATH` are one variable on Windows. */
export function comparableName(name: string, windows: boolean = onWindows): string {
  return windows ? name.toUpperCase() : name;
}

/**
 * Where Windows has a program of this name, in order: in the folders of PATH, with each ending of PATHEXT. Never in
 * the current folder, where the command processor looks first: it may be that of a hostile repository. A name with a
 * folder is looked for there alone. Last comes the name as it is, for a script whose first line names its interpreter.
 */
export function windowsCandidates(file: string, env: Variables): readonly string[] {
  const folders = /[\\/:]/.test(file) ? [''] : foldersOfWindowsPath(env);
  const extensions = Object.keys(env).find((name) => comparableName(name, true) === 'PATHEXT');
  const endings = (env[extensions ?? 'PATHEXT'] || '.COM;.EXE;.BAT;.CMD').split(';');
  const found = (those: readonly string[]) =>
    folders.flatMap((folder) => those.map((ending) => win32.join(folder, `${file}${ending}`)));
  return win32.extname(file) === '' ? [...found(endings), ...found([''])] : found(['', ...endings]);
}

/**
 * Whether a batch file might take one of these arguments for a command. It hands them on as text that is parsed again, for
 * which Node starts none (CVE-2024-27980). The library that does quotes them for the first time, and of these that is
 * not enough for the second.
 */
export function isTooMuchForBatch(path: string, args: readonly string[]): boolean {
  const some = (pattern: RegExp) => args.some((arg) => pattern.test(arg));
  return /\.(?:bat|cmd)$/i.test(path) && (some(/[\r\n]/) || (some(/"/) && some(/[&|<>^]/)));
}

/** Ends a program and those that it has started: what `npm` starts is three programs below it. */
export function endTree(child: ChildProcess): void {
  const { execFile } = process.getBuiltinModule('node:child_process');
  const folder = process.env['SystemRoot'] || 'C:\\Windows';
  const taskkill = win32.join(folder, 'System32', 'taskkill.exe');
  execFile(taskkill, ['/pid', `${child.pid}`, '/t', '/f'], (error) => {
    if (error !== null) child.kill('SIGKILL');
  });
}
