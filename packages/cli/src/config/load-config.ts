/**
 * Reads a configuration: a JSON file is data, anything else a program of the repository, which runs
 * with the user's rights. jiti, which runs TypeScript on every Node, is imported for a `.ts` alone.
 */
import { Console } from 'node:console';
import { dirname } from 'node:path';
import { pathToFileURL } from 'node:url';
import { isSecretError, SecretError } from '@keyfall/core';
import { readNamedFile } from '../files/read-input.ts';
import { asideStream } from '../terminal/terminal.ts';
import { configError, lineOfOption, type OptionPath, placed } from './config-place.ts';
import type { SchemaComplaint } from './config-schema.ts';
import type { KeyfallConfig } from './define-config.ts';
import { isProgram, shownFile } from './find-config.ts';
import { isSyntaxError, jsonErrorAt } from './foreign-errors.ts';

/** A configuration and where it was read. */
export interface LoadedConfig {
  readonly file: string;
  readonly config: KeyfallConfig;
  /** The line of an option, where it is known. */
  lineOf(option: OptionPath): number | undefined;
}

/**
 * Reads and checks the configuration in `file`, an absolute path.
 *
 * @throws `ERR_SECRET_CONFIG` naming file, line and option; what the program threw, if that is a
 *   `SecretError`
 */
export async function loadConfig(file: string): Promise<LoadedConfig> {
  const isJson = !isProgram(file);
  const { value, lineOf } = isJson ? await readJson(file) : await runProgram(file);
  const { checkConfig } = await import('./config-schema.ts');
  const complaint = checked();
  if (complaint !== undefined)
    throw configError({ file, line: lineOf(complaint.option), ...complaint });
  return { file, config: value as KeyfallConfig, lineOf };

  function checked(): SchemaComplaint | undefined {
    try {
      return checkConfig(value, isJson ? 'json' : 'program');
    } catch (error) {
      throw placed(error, file); // a getter of the program's
    }
  }
}

/**
 * Does `work` in the configuration's folder: a relative path in it means the same from wherever
 * Keyfall is started. What the program prints meanwhile goes to stderr, since stdout is for data: many
 * load a `.env` themselves, by libraries that print a line about it.
 */
export async function inFolderOf<Result>(
  file: string,
  work: () => Promise<Result>,
): Promise<Result> {
  const before = process.cwd();
  const stdout = Object.getOwnPropertyDescriptor(process, 'stdout');
  const ownConsole = globalThis.console;
  // The property, not the stream: opening that changes the mode of a pipe that the child of `run`
  // inherits.
  Object.defineProperty(process, 'stdout', { ...stdout, get: asideStream });
  // the global console would keep the stream of its first line, for an application in this process too
  globalThis.console = new Console(asideStream());
  process.chdir(dirname(file));
  try {
    return await work();
  } finally {
    process.chdir(before);
    globalThis.console = ownConsole;
    Object.defineProperty(process, 'stdout', { ...stdout });
  }
}

interface Content {
  readonly value: unknown;
  readonly lineOf: (option: OptionPath) => number | undefined;
}

async function runProgram(file: string): Promise<Content> {
  const lineOf = (option: OptionPath) => lineOfOption(file, option);
  await readText(file); // a file that is not there is no defect of the program
  try {
    const value = await inFolderOf(file, async () => {
      if (!file.endsWith('.ts')) return (await import(pathToFileURL(file).href)).default;
      const { createJiti } = await import('jiti');
      // its cache would write what the file holds to the disk
      const jiti = createJiti(file, { fsCache: false, moduleCache: false });
      return await jiti.import(file, { default: true });
    });
    return { value: await value, lineOf };
  } catch (error) {
    throw placed((isSyntaxError(error) && (await syntaxErrorOf(file))) || error, file);
  }
}

/** The same error as jiti has it, with the line that Node keeps to itself. */
async function syntaxErrorOf(file: string): Promise<unknown> {
  const { createJiti } = await import('jiti');
  // what cannot be parsed is not run a second time either
  const jiti = createJiti(file, { fsCache: false, moduleCache: false });
  return jiti.import(file).then(
    () => undefined,
    (error: unknown) => error,
  );
}

async function readJson(file: string): Promise<Content> {
  const text = (await readText(file)).replace(/^\uFEFF/, '');
  // JSON is YAML, and this parser knows where everything stands
  const { isNode, LineCounter, parseDocument } = await import('yaml');
  const lines = new LineCounter();
  const document = parseDocument(text, { schema: 'json', lineCounter: lines, prettyErrors: false });
  const broken = (offset: number | undefined) =>
    configError({
      file,
      line: offset === undefined ? undefined : lines.linePos(offset).line,
      reason: 'is not valid JSON',
      hint: 'JSON has no comments, no comma before a closing bracket, and double quotes only.',
    });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    // of some mistakes V8 says where they are, of others YAML's parser
    throw broken(jsonErrorAt(error) ?? document.errors[0]?.pos[0]);
  }
  const [twice] = document.errors; // what JSON.parse takes and YAML does not: a key given twice
  if (twice !== undefined)
    throw configError({
      file,
      line: lines.linePos(twice.pos[0]).line,
      reason: 'an option is given twice',
    });
  return {
    value,
    lineOf(option) {
      // an option that is missing stands in the object around it
      for (let depth = option.length; depth > 0; depth--) {
        const node = document.getIn(option.slice(0, depth), true);
        if (isNode(node) && node.range) return lines.linePos(node.range[0]).line;
      }
      return undefined;
    },
  };
}

async function readText(file: string): Promise<string> {
  const hint = 'Name the configuration with --config, or leave it out with --no-config.';
  const bytes = await readNamedFile(file, shownFile(file)).catch((error: unknown) => {
    // whatever is wrong with it: it is the configuration that is
    throw isSecretError(error)
      ? new SecretError('ERR_SECRET_CONFIG', error.reason, { hint })
      : error;
  });
  if (bytes === undefined) throw configError({ file, reason: 'there is no such file', hint });
  return bytes.toString('utf8');
}
