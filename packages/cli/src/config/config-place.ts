/**
 * Errors about a configuration: which file, which line, which option. Never a text of the file or of
 * what it threw, since either may hold anything.
 */
import { readFileSync } from 'node:fs';
import { isSecretError, SecretError } from '@keyfall/core';
import { printable } from '../terminal/terminal.ts';
import { shownFile } from './find-config.ts';
import { isSyntaxError, lineInStack, missingModule } from './foreign-errors.ts';

/** The way to an option: `['profiles', 'prod', 'providers', 0, 'path']`. */
export type OptionPath = readonly PropertyKey[];

/** What is wrong, and where. */
export interface ConfigComplaint {
  readonly file: string;
  readonly line?: number | undefined;
  readonly option?: OptionPath | undefined;
  readonly reason: string;
  readonly hint?: string | undefined;
}

/** An `ERR_SECRET_CONFIG` that says so. */
export function configError({ file, line, option, reason, hint }: ConfigComplaint): SecretError {
  const at = line === undefined ? '' : `, line ${line}`;
  const what = option === undefined || option.length === 0 ? '' : `${shownOption(option)}: `;
  return new SecretError('ERR_SECRET_CONFIG', `${shownFile(file)}${at}: ${what}${reason}`, {
    hint,
  });
}

/**
 * What a configuration's own code threw, placed. A `SecretError` keeps its code and text; of anything
 * else only its kind is said.
 *
 * @param lineOfIt - where the option stands, if the error itself does not say
 */
export function placed(
  error: unknown,
  file: string,
  option?: OptionPath,
  lineOfIt?: number,
): SecretError {
  const line = lineInStack(error, file) ?? lineOfIt;
  if (isSecretError(error)) {
    const { reason } = configError({ file, line, option, reason: error.reason });
    return error.with({ reason });
  }
  const missing = missingModule(error);
  if (missing !== undefined)
    return configError({
      file,
      line: line ?? lineOfText(file, new RegExp(`['"]${escaped(missing)}['"]`)),
      option,
      reason: `imports ${printable(missing)}, which is not ${/^[./]/.test(missing) ? 'there' : 'installed'}`,
      hint: /^[./]/.test(missing) ? undefined : 'Install it where the file is.',
    });
  const kind = error instanceof Error ? error.constructor.name : typeof error;
  return configError({
    file,
    line,
    option,
    reason: isSyntaxError(error) ? 'cannot be parsed (SyntaxError)' : `failed with ${kind}`,
    hint: 'The text of the error is not shown, since it may hold a value: run the file by itself.',
  });
}

/** An option as it is written in a message: `providers[0].address`. */
export function shownOption(option: OptionPath): string {
  return option
    .map((key, index) =>
      typeof key === 'number' ? `[${key}]` : `${index === 0 ? '' : '.'}${printable(String(key))}`,
    )
    .join('');
}

/**
 * The line of an option in the text of a program: where its keys stand one after another. A hint for a
 * person, which a computed configuration may lead astray, so none is given unless every key is found.
 */
export function lineOfOption(file: string, option: OptionPath): number | undefined {
  const keys = option.filter((key) => typeof key === 'string');
  if (keys.length === 0) return undefined;
  return lineOfText(
    file,
    ...keys.map((key) => new RegExp(`(?<![\\w$.])(['"]?)${escaped(key)}\\1\\s*[:(,}]`)),
  );
}

/** The line where the last of these stands, each looked for from where the one before it was found. */
function lineOfText(file: string, ...patterns: readonly RegExp[]): number | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
  let at = 0;
  for (const pattern of patterns) {
    const found = pattern.exec(text.slice(at));
    if (found === null) return undefined;
    at += found.index;
  }
  return text.slice(0, at).split('\n').length;
}

function escaped(text: string): string {
  return text.replace(/[^\w]/g, '\\$&');
}
