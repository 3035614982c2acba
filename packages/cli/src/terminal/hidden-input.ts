/**
 * A value that is typed or pasted on the terminal without being shown. The prompts of clack cannot be used: they read a
 * line by Node's readline, which loses tabs, and of a paste of several lines they store one, while the rest goes to the
 * shell.
 */
import { SecretError } from '@keyfall/core';
import { inputLimit, shownLimit } from '../files/read-input.ts';
import { canRedraw, columnsOf, draw } from './terminal.ts';

/**
 * Asks for a value: a typed line, or a paste of any number of lines, and Enter. A paste is recognised by the marks that a
 * terminal puts around it (bracketed paste, xterm's mode 2004).
 *
 * @param signal - cancels the question
 * @returns `undefined` if it was cancelled, also by Ctrl-C, Ctrl-D, Esc or a terminal that was closed
 * @throws `ERR_SECRET_CONFIG` for input that cannot be stored as a whole: several lines without those marks, control
 *   characters, or bytes that are not text. It is read to its end first, so that no shell gets the rest
 */
export async function askHidden(
  question: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { stdin } = process;
  const input = new HiddenInput();
  const isDrawn = canRedraw();
  const enter = (): void => {
    // first, or a paste that comes at once would be shown
    stdin.setRawMode(true);
    draw(`${isDrawn ? pasteModeOn : ''}${question}:\n`);
    show();
  };
  const leave = (): void => {
    draw(`${isDrawn ? pasteModeOff : ''}\n`);
    stdin.setRawMode(false);
  };
  const show = (): void => {
    if (isDrawn) draw(`\r\u001b[K${input.shownIn(columnsOf(process.stderr) - 1)}`);
  };
  enter();
  let stopListening = (): void => {};
  try {
    return await new Promise((resolve, reject) => {
      let timer: NodeJS.Timeout | undefined;
      const finish = (): void => {
        if (input.problem !== undefined) reject(input.problem);
        else resolve(input.outcome === 'entered' ? input.value : undefined);
      };
      const take = (chunk: Buffer): void => {
        clearTimeout(timer);
        const before = input.outcome;
        input.take(chunk);
        if (before === undefined) show();
        if (input.outcome === 'cancelled' && input.isKey) finish();
        // what follows Enter at once is the rest of a paste
        else if (input.outcome !== undefined) timer = setTimeout(finish, quiet);
        else if (input.mayBeEscape) timer = setTimeout(finish, escapeTime);
        else if (input.isToStop) suspend(leave, enter);
      };
      const cancel = (): void => resolve(undefined);
      signal.addEventListener('abort', cancel);
      stdin.on('data', take).once('end', finish).once('error', finish);
      stopListening = () => {
        signal.removeEventListener('abort', cancel);
        clearTimeout(timer);
        stdin.off('data', take).off('end', finish).off('error', finish).pause();
      };
    });
  } finally {
    stopListening();
    leave();
  }
}

/** Milliseconds without input after Enter that end the value: more than between two parts of a paste. */
const quiet = 200;
/** Milliseconds in which the rest of a key's sequence must follow. */
const escapeTime = 50;

const pasteModeOn = '\u001b[?2004h';
const pasteModeOff = '\u001b[?2004l';
const pasteStart = '\u001b[200~';
const pasteEnd = '\u001b[201~';

/** A key that is not a character, as a terminal sends it (ECMA-48: CSI, SS3; or Esc with a character). */
const key = String.raw`\u001b(?:\[[0-?]*[ -/]*(?:[@-~]|(?=[^ -~]))|O(?:[ -~]|(?=[^ -~]))|(?![[O])[^\0-\u001f]|(?=[\0-\u001f]))`;
const leadingKey = new RegExp(`^${key}`, 'u');
const keysAlone = new RegExp(String.raw`^(?:${key}|[\0-\u001f\u007f])+$`, 'u');

/** A paste that has not ended yet. It is kept in parts, since a large one comes in thousands of them. */
interface Paste {
  readonly parts: string[];
  /** The number of characters. */
  length: number;
  /** The last characters, in which the end mark may begin. */
  last: string;
}

const emptyPaste = (): Paste => ({ parts: [], length: 0, last: '' });

/** The input from the terminal, parsed as far as it has arrived. */
class HiddenInput {
  value = '';
  outcome: 'entered' | 'cancelled' | undefined;
  problem: SecretError | undefined;
  /** Whether Ctrl-Z was pressed last. */
  isToStop = false;
  /** Whether the last input was keys without text. */
  isKey = false;
  readonly #decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  /** The input that cannot be parsed before more arrives. */
  #pending = '';
  /** The paste that has not ended yet. */
  #paste: Paste | undefined;
  #hasPaste = false;

  /** Whether an Esc has arrived that may be a key by itself. */
  get mayBeEscape(): boolean {
    return this.#paste === undefined && this.#pending === '\u001b';
  }

  take(chunk: Uint8Array): void {
    this.isToStop = false;
    this.isKey = false;
    let text: string;
    try {
      text = this.#decoder.decode(chunk, { stream: true });
    } catch {
      this.#refuse('what was typed is not UTF-8 text');
      return;
    }
    this.#pending += text;
    this.isKey = keysAlone.test(this.#pending);
    while (this.#pending !== '' && this.outcome !== 'cancelled')
      if (!(this.#paste === undefined ? this.#takeKey() : this.#takePaste())) return;
  }

  /** A line for the terminal, of at most `width` columns. */
  shownIn(width: number): string {
    const lines = this.value.split('\n').length;
    return lines > 1 ? `(${lines} lines)` : '*'.repeat(Math.min([...this.value].length, width));
  }

  /** Takes a paste up to its end mark; returns whether that has arrived. */
  #takePaste(): boolean {
    const paste = this.#paste ?? emptyPaste();
    const text = paste.last + this.#pending;
    this.#pending = '';
    const end = text.indexOf(pasteEnd);
    // what may be the beginning of the end mark is kept for the next part
    const whole = text.slice(0, end < 0 ? 1 - pasteEnd.length : end);
    paste.length += whole.length;
    if (paste.length > inputLimit) this.#refuse(`what was pasted is larger than ${shownLimit}`);
    if (this.problem === undefined) paste.parts.push(whole);
    if (end < 0) {
      paste.last = text.slice(1 - pasteEnd.length);
      return false;
    }
    this.#pending = text.slice(end + pasteEnd.length);
    this.#paste = undefined;
    this.#hasPaste = true;
    // a terminal sends each line end like the key Enter
    this.#add(paste.parts.join('').replace(/\r\n?/g, '\n'));
    return true;
  }

  /** Takes one key or character; returns whether it has arrived as a whole. */
  #takeKey(): boolean {
    const text = this.#pending;
    const isSequence = text.startsWith('\u001b');
    const taken = isSequence
      ? leadingKey.exec(text)?.[0]
      : String.fromCodePoint(text.codePointAt(0) ?? 0);
    if (taken === undefined) return false;
    this.#pending = text.slice(taken.length);
    if (taken === pasteStart) this.#paste = emptyPaste();
    else if (taken === '\r' || taken === '\n') this.#enter();
    else if ('\u0003\u0004\u001b'.includes(taken)) this.outcome = 'cancelled';
    else if (taken === '\u007f' || taken === '\b') this.value = this.value.replace(/.$/su, '');
    else if (taken === '\u0015') this.value = '';
    else if (taken === '\u0017') this.value = this.value.replace(/\S*\s*$/, '');
    else if (!isSequence && (taken >= ' ' || taken === '\t')) this.#add(taken);
    // a key alone does nothing here, but in the middle of text it would be missing from the value
    else if (this.isKey) this.isToStop = taken === '\u001a';
    else this.#refuse('control characters cannot be typed here');
    return true;
  }

  #add(text: string): void {
    if (this.outcome !== undefined) {
      if (text !== '') this.#refuse('several lines came at once');
      return;
    }
    this.value += text;
    if (this.value.length > inputLimit) this.#refuse(`what was typed is larger than ${shownLimit}`);
  }

  #enter(): void {
    if (this.outcome === undefined && this.#hasPaste) this.value = this.value.replace(/\n$/, '');
    this.outcome = 'entered';
  }

  #refuse(why: string): void {
    this.outcome = 'entered';
    this.value = '';
    this.problem ??= new SecretError('ERR_SECRET_CONFIG', `${why}, and nothing was stored`, {
      hint: 'Store it from a file: keyfall set NAME < FILE.',
    });
  }
}

/** Stops the process like Ctrl-Z in a terminal's normal mode; `fg` continues it. Windows has no such thing. */
function suspend(leave: () => void, enter: () => void): void {
  if (process.platform === 'win32') return;
  const goOn = (): void => {
    process.off('SIGCONT', goOn);
    clearTimeout(timer);
    enter();
  };
  leave();
  process.once('SIGCONT', goOn);
  // without a shell that could continue it, the signal does nothing, and typed text must stay hidden
  const timer = setTimeout(goOn, 100);
  process.kill(process.pid, 'SIGTSTP');
}
