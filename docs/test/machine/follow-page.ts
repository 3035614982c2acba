/**
 * Follows a page on a machine: types its blocks one after the other, as a reader does, and compares what they end with and
 * print.
 *
 * Words of a block's info string:
 * - `on=laptop`: typed by Anna on her laptop; else by root
 * - `answers=key-1,root-token`: what is typed when something asks: an unseal key or a token that was printed before, or a
 *   password (`anna-password`), which is chosen when it is needed first
 * - `exit=4`: the status of its last command, default 0
 * - `reboot`: reboots the machine; terminals are new afterwards
 * - `no-test=reason`: cannot run here
 */
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { differenceFrom } from '../expected-output.ts';
import { type CodeBlock, codeBlocks, isShell, root } from '../markdown.ts';
import type { Machine } from './machine.ts';

/**
 * Types all blocks of a page.
 *
 * @returns what was secret on the way: keys, tokens, passwords
 * @throws an `Error` naming the line of the first block that does not do what the page says
 */
export async function followPage(page: string, machine: Machine): Promise<readonly string[]> {
  const memory = new Memory();
  for (const block of codeBlocks(await readFile(join(root, page), 'utf8')))
    if (isShell(block) && !block.words.has('no-test')) await follow(page, block, machine, memory);
  return memory.all();
}

/** What the reader has learned so far, by the names of \`answers=\`. */
class Memory {
  readonly #known = new Map<string, string>();

  answer(name: string): string {
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    if (!name.endsWith('-password')) throw new Error(`The page has not shown ${name} before.`);
    const chosen = randomBytes(12).toString('hex');
    this.#known.set(name, chosen);
    return chosen;
  }

  forget(name: string): void {
    this.#known.delete(name);
  }

  all(): readonly string[] {
    return [...this.#known.values()];
  }

  learn(output: string): void {
    for (const [, number = '', key = ''] of output.matchAll(/^(?:Unseal )?Key (\d): (\S+)$/gm))
      this.#known.set(`key-${number}`, key);
    const [, token] = /^Initial Root Token: (\S+)$/m.exec(output) ?? [];
    if (token !== undefined) this.#known.set('root-token', token);
    const [, encoded] = /^Encoded Token +(\S+)$/m.exec(output) ?? [];
    if (encoded !== undefined) this.#known.set('encoded-token', encoded);
  }
}

const users: Readonly<Record<string, string>> = { server: 'root', laptop: 'anna' };

/** Types a block, as in a terminal that stays open until the machine is rebooted. */
async function follow(
  page: string,
  block: CodeBlock,
  machine: Machine,
  memory: Memory,
): Promise<void> {
  const { words, text } = block;
  const terminal = words.get('on') ?? 'server';
  const user = users[terminal];
  if (user === undefined) throw new Error(`There is no machine ${terminal}.`);
  const state = `/dev/shm/${terminal}`;
  const script = `
    [ ! -f ${state} ] || . ${state}
    trap 'status=$?; { export -p; printf "cd %q; umask %s\\n" "$PWD" "$(umask)"; } > ${state}; exit $status' EXIT
    set -eu -o pipefail\n${text}\n`;
  const answers = words
    .get('answers')
    ?.split(',')
    .map((name) => memory.answer(name));
  const { status, output } = await machine.type(script, { user, ...(answers && { answers }) });
  memory.learn(output);
  const expected = Number(words.get('exit') ?? 0);
  const difference = block.output === undefined ? undefined : differenceFrom(block.output, output);
  const problem =
    status === expected ? difference : `ended with ${status}, not ${expected}:\n${output}`;
  if (problem !== undefined) {
    const journal = await machine.type('journalctl --quiet --boot --lines 60 --output short');
    throw new Error(`${page}:${block.line}\n${text}\n\n${problem}\n\n${journal.output}`);
  }
  if (!words.has('reboot')) return;
  await machine.rebooted();
  memory.forget('root-token');
}
