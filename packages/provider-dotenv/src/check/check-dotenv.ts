/**
 * What `status` and `doctor` show about `.env` files: whether they exist and can be read, who else can read them, and
 * which of their lines are read.
 */
import { execFile } from 'node:child_process';
import { type Dirent, readdir } from 'node:fs';
import { basename, dirname, isAbsolute, join, normalize, relative, sep } from 'node:path';
import { promisify } from 'node:util';
import {
  failedCheck,
  isSecretError,
  type NameReading,
  type ProviderCheck,
  type ReadContext,
} from '@keyfall/core/provider';
import { programFile } from '@keyfall/core/provider/files';
import {
  merged,
  type ReadSettings,
  readContents,
  readerSetting,
} from '../contents/dotenv-contents.ts';
import type { DotenvFile } from '../contents/dotenv-file.ts';
import { readingsOf } from '../contents/name-readings.ts';
import type { WriteSettings } from '../editing/write-dotenv.ts';
import { expandValues, refersElsewhere } from '../readers/expand-dotenv.ts';
import { type Exposure, exposureOf } from './exposure.ts';
import { inspectDotenv } from './inspect-dotenv.ts';

// of `node:fs`, for the reason that core's `store-file.ts` gives
const listFolder = promisify(readdir);

/** The findings about each file. Never throws because of what is wrong with one. */
export async function checkDotenv(
  sources: readonly DotenvFile[],
  given: WriteSettings,
  { signal }: ReadContext,
): Promise<ProviderCheck[]> {
  // any of the files may name the reader for all
  const all = await readContents(sources, given, signal).catch(() => undefined);
  const settings = all?.isReaderNamed ? { ...given, reader: all.reader } : given;
  const findings: ProviderCheck[] = [];
  let readable = true;
  for (const source of sources) {
    const { shown } = source;
    const path = fromHere(source.path, shown);
    try {
      const contents = await readContents([source], settings, signal);
      const [content] = contents.files;
      const { values, duplicates, droppedLines } = await inspectDotenv(content?.text ?? '', {
        reader: contents.reader,
        variables: settings.variables(),
      });
      findings.push({
        subject: shown,
        state: 'ready',
        message: content
          ? `holds ${plural(values.size, 'name')}`
          : 'does not exist, which is allowed',
      });
      if (droppedLines.length > 0)
        findings.push({
          subject: `lines of ${shown}`,
          state: 'failing',
          message: `${contents.reader === 'npm' ? 'dotenv' : `the reader ${contents.reader}`} drops ${droppedLines.length === 1 ? 'line' : 'lines'} ${listed(droppedLines)}`,
          hint: 'Write NAME=value, or # before a comment.',
          code: 'lines-dropped',
          facts: { path },
        });
      if (duplicates.length > 0)
        findings.push({
          subject: `names of ${shown}`,
          state: 'failing',
          message: `names that appear more than once, of which the last one counts: ${listed(duplicates)}`,
          hint: 'Remove the earlier lines.',
          code: 'names-twice',
          facts: { path },
        });
      const differing = (await readingsOf(contents, settings.variables())).filter(
        ({ readers }) => readers.length > 1,
      );
      if (differing.length > 0)
        findings.push({
          subject: `readers of ${shown}`,
          state: 'failing',
          message: `programs read these names differently, and nothing says which program counts: ${listed(differing.map((reading) => shownReading(reading, values)))}`,
          hint: `Name the program that ${shown} is written for: add ${readerSetting}=python to it, or npm, node, compose or shell.`,
          code: 'readers-differ',
          facts: { path },
        });
      const exposure = content && (await exposureOf(source.path));
      if (exposure) findings.push(modeOf(shown, path, exposure), ...(await gitOf(shown, exposure)));
    } catch (error) {
      readable = false;
      findings.push(failing(shown, error));
    }
    findings.push(...(await backupsOf(source)));
  }
  if (settings.expand && readable) findings.push(...(await expansionOf(sources, settings, signal)));
  return findings;
}

function failing(subject: string, error: unknown): ProviderCheck {
  if (!isSecretError(error)) throw error;
  return failedCheck(subject, error);
}

/** The path relative to the working directory, unless it was given as an absolute one. */
function fromHere(path: string, shown: string): string {
  return isAbsolute(shown) ? path : relative(process.cwd(), path).split(sep).join('/');
}

/**
 * Findings about the copies beside the file (`.env.backup.` and the time), which `keyfall migrate` or the user made:
 * each holds every value that the file had.
 */
async function backupsOf({ path, shown }: DotenvFile): Promise<ProviderCheck[]> {
  const folder = dirname(path);
  const start = `${basename(path)}.backup.`;
  const entries: Dirent[] = await listFolder(folder, { withFileTypes: true }).catch(() => []);
  const names = entries
    .filter((entry) => entry.name.startsWith(start) && !entry.isDirectory())
    .map(({ name }) => name)
    .filter((name) => !name.endsWith('.journal')) // a journal has no values
    .sort();
  const found = await Promise.all(
    names.map(async (name) => {
      const exposure = await exposureOf(join(folder, name));
      const copy = fromHere(join(folder, name), shown);
      if (exposure === undefined) return [];
      const isLink = basename(exposure.path) !== name;
      const rule = isLink ? undefined : `${literal(basename(path))}.backup.*`;
      return [modeOf(copy, copy, exposure), ...(await gitOf(copy, exposure, rule))];
    }),
  );
  const failures = found.flat().filter(({ state }) => state === 'failing');
  if (names.length === 0) return failures;
  const copies: ProviderCheck = {
    subject: `copies of ${shown}`,
    state: 'unknown',
    message: `${names.length === 1 ? 'one copy is' : `${names.length} copies are`} beside it, with every value in plain text`,
    hint: 'Remove the copies that are not needed any more.',
    code: 'copies-in-plain-text',
    facts: { path: fromHere(path, shown) },
  };
  return [...failures, copies];
}

function modeOf(
  shown: string,
  path: string,
  { mode, readableByAll, isLink }: Exposure,
): ProviderCheck {
  const subject = `mode of ${shown}`;
  const octal = mode.toString(8).padStart(4, '0');
  const what = isLink ? 'the file that it leads to' : 'it';
  if (!readableByAll)
    return {
      subject,
      state: 'ready',
      message: `not every user of this machine can read ${what} (${octal})`,
    };
  return {
    subject,
    state: 'failing',
    message: `every user of this machine can read ${what} (${octal})`,
    code: 'readable-by-all',
    ...(isLink
      ? { hint: `See where ${path} leads, and put the secrets into a file of your own.` }
      : { hint: `Run chmod o-r ${path}.`, facts: { path } }),
  };
}

/**
 * What git does with the file itself: a link holds no value.
 *
 * @param rule - the rule for it in the `.gitignore` of its folder. Default: its name
 */
async function gitOf(
  shown: string,
  { path: real, tracked }: Exposure,
  rule: string = literal(basename(real)),
): Promise<ProviderCheck[]> {
  const subject = `git and ${shown}`;
  const path = fromHere(real, shown);
  const name = basename(path);
  const folder = path.slice(0, -name.length);
  const as = path === normalize(shown) ? '' : `, as ${path}`;
  const facts = { path, rule };
  if (tracked ?? (await git(real, ['--literal-pathspecs', 'ls-files', '--error-unmatch'])))
    return [
      {
        subject,
        state: 'failing',
        message: `git tracks it${as}: its values are in the history of the repository`,
        hint: `Run git rm --cached ${path}, add it to ${folder}.gitignore, and change the values.`,
        code: 'tracked-by-git',
        facts,
      },
    ];
  const ignored = await git(real, ['check-ignore', '--quiet']);
  if (ignored === undefined) return [];
  return [
    ignored
      ? { subject, state: 'ready', message: 'git ignores it' }
      : {
          subject,
          state: 'failing',
          message: `the next git add --all adds it${as}`,
          hint: `Add ${rule} to ${folder}.gitignore.`,
          code: 'not-ignored-by-git',
          facts,
        },
  ];
}

/** The rule of a `.gitignore` that matches exactly this name. */
function literal(name: string): string {
  return name.replace(/^[!#]|[*?[\\]| +$/g, (character) => character.replace(/./g, '\\$&'));
}

/** Whether git answers a question about the file with yes; `undefined` without git or a repository. */
function git(path: string, question: readonly string[]): Promise<boolean | undefined> {
  // Runs no program that the repository's configuration names, and passes no secret in the environment. So a
  // repository of another user, as root meets it in a container, can be asked too.
  const settings = ['-c', 'core.fsmonitor=false', '-c', 'safe.directory=*'];
  const args = [...settings, ...question, '--', `./${basename(path)}`];
  const { PATH, HOME, USERPROFILE, SystemRoot } = process.env;
  // nothing is fetched for a partial clone: its configuration names the program for that as well
  const env = { PATH, HOME, USERPROFILE, SystemRoot, GIT_ALLOW_PROTOCOL: '' };
  const program = programFile('git');
  return new Promise((resolve) => {
    if (program === undefined) return resolve(undefined);
    execFile(program, args, { cwd: dirname(path), env, timeout: 5_000 }, (error) => {
      if (error === null) resolve(true);
      else resolve(error.code === 1 ? false : undefined);
    });
  });
}

async function expansionOf(
  sources: readonly DotenvFile[],
  settings: ReadSettings,
  signal: AbortSignal,
): Promise<ProviderCheck[]> {
  const subject = 'expansion';
  try {
    const values = merged((await readContents(sources, settings, signal)).files);
    expandValues(values, settings.provider);
    // Only the names of the values are shown: what looks like a name inside of one may be part of a password.
    const missing = [...values].filter(([, value]) => refersElsewhere(value, values));
    return missing.length === 0
      ? []
      : [
          {
            subject,
            state: 'failing',
            message: `these values refer to names that no file holds: ${listed(missing.map(([name]) => name))}`,
            hint: 'Add the names, or write \\$ for a dollar sign.',
            code: 'refers-to-nothing',
          },
        ];
  } catch (error) {
    return [failing(subject, error)];
  }
}

/** A name that the reader which counts does not hold may be part of a value that another reader cut. */
function shownReading({ name, readers }: NameReading, held: ReadonlyMap<string, string>): string {
  const groups = readers.map((group) => group.join(', ')).join(' against ');
  return `${held.has(name) ? name : 'a name that npm dotenv does not read'} (${groups})`;
}

function listed(things: readonly (string | number)[]): string {
  const first = things.slice(0, 5).join(', ');
  return things.length > 5 ? `${first} and ${things.length - 5} more` : first;
}

function plural(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
