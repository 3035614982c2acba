/**
 * Lines that fit a terminal, broken between words. A command is never broken: a user who copies half of it would run half of
 * it. This module imports nothing, since every start loads it.
 */

/**
 * The text with no line longer than `width` columns, unless a word or a command is longer. Broken lines continue under their
 * text: behind its blanks, and its `-` or number.
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

/** One line of text in lines of at most `width` columns, if its words allow that. */
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

/** The words of a text. A command, or text in backticks, counts as one word. */
function wordsOf(text: string): string[] {
  return text
    .replace(inOnePiece, (command) => command.replaceAll(' ', '\0'))
    .split(' ')
    .map((word) => word.replaceAll('\0', ' '));
}

/**
 * What is never broken: text in backticks, `chmod` with its mode and file, a rule of a policy, and a command of `keyfall` and
 * of the other programs that messages name, with its options, their values, and arguments that are not words of a sentence.
 */
const inOnePiece =
  /`[^`]*`|\bchmod [\w+=,-]+ \S+|\bpath "[^"]*" \{[^}]*\}|\b(?:git(?= rm )|npm(?= install )|(?:bao|vault) operator(?: raft)?|keyfall(?: --(?:profile|dotenv|config) \S+| -\S+)*) [a-z]+(?:(?<![.,;:)]) (?:-\S*|[<|&]+|\S*[A-Z./:=_]\S*|(?<= -\S* )\S+))*/g;

/** The beginning of a text that fits in so many columns. */
export function clipped(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  let shown = '';
  let used = 1; // for the ellipsis
  for (const character of text) {
    used += widthOf(character);
    if (used > width) break;
    shown += character;
  }
  return `${shown}…`;
}

/** The columns of a text on a terminal: none for a combining mark, two for a wide character. */
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
