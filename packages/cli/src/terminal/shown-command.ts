/**
 * Parts of commands that a user is shown, to type them.
 */
import { printable } from './terminal.ts';

/** Text as one word of a shell. Control characters are written by their numbers, as bash and zsh read them. */
export function quoted(text: string): string {
  if (printable(text) !== text) return `$'${escaped(text)}'`;
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

function escaped(text: string): string {
  return [...text]
    .map((character) => {
      if (character === '\\' || character === "'") return `\\${character}`;
      if (printable(character) === character) return character;
      const code = character.codePointAt(0) ?? 0;
      // old versions of bash do not know \u
      const [kind, digits] = code < 128 ? ['x', 2] : code < 0x10000 ? ['u', 4] : ['U', 8];
      return `\\${kind}${code.toString(16).padStart(digits, '0')}`;
    })
    .join('');
}
