/**
 * Lines that end where a terminal does, between words. A command stays in one piece, also if it is longer: who
 * copies half of one runs half of it. Imports nothing: every start has it.
 */

/**
 * The text with no line longer than `width` columns, where a word or a command is not. What goes on does so under
 * the text of its line: behind its blanks, and its `-` or number.
 */
export function wrapped(text: string, width: number): string {
  return text
    .split('\n')
    .flatMap((line) => {
      if (widthOf(line) <= width) return [line];
      const [head = ''] = /^\s*(?:(?:-|\d+\.) )?/.exec(line) ?? [];
      const indent = widthOf(head) > width / 2 ? 0 : widthOf(head);
      return linesOf(line.slice(head.length), width - indent).map((part, at) =>
        at === 0 ? head + part : ' '.repeat(indent) + part,
      );
    })
    .join('\n');
}

/** `text`, which is one line, in lines of at most `width` columns where its words allow that. */
export function linesOf(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of wordsOf(text)) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (line !== '' && widthOf(longer) > width) {
      lines.push(line);
      line = word;
    } else line = longer;
  }
  return [...lines, line];
}

/** The words of a text; a command of ours is one of them, and so is what stands in backticks. */
function wordsOf(text: string): string[] {
  return text
    .replace(inOnePiece, (command) => command.replaceAll(' ', '\0'))
    .split(' ')
    .map((word) => word.replaceAll('\0', ' '));
}

/**
 * What stands in backticks, `chmod` with its mode and file, a rule of a policy, and of `keyfall` and other programs that are
 * named: its options, the command, and what is an option, the value of one, or no word of a sentence.
 */
const inOnePiece =
  /`[^`]*`|\bchmod [\w+=,-]+ \S+|\bpath "[^"]*" \{[^}]*\}|\b(?:git(?= rm )|npm(?= install )|(?:bao|vault) operator(?: raft)?|keyfall(?: --(?:profile|dotenv|config) \S+| -\S+)*) [a-z]+(?:(?<![.,;:)]) (?:-\S*|[<|&]+|\S*[A-Z./:=_]\S*|(?<= -\S* )\S+))*/g;

/** As much of a text as fits in so many columns. */
export function clipped(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  let shown = '';
  let used = 1; // for the mark that there is more
  for (const character of text) {
    used += widthOf(character);
    if (used > width) break;
    shown += character;
  }
  return `${shown}…`;
}

/** Columns that a text fills on a terminal: none for a combining mark, two for a wide character. */
export function widthOf(text: string): number {
  let width = 0;
  for (const character of text) {
    if (/\p{M}|\p{Cf}/u.test(character)) continue;
    width += wide.test(character) ? 2 : 1;
  }
  return width;
}

const wide =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Emoji_Presentation}\u3000-\u303e\uff01-\uff60\uffe0-\uffe6]/u;
