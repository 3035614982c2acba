/**
 * The members of a JSON object as source text. `JSON.parse` alters what it reads (a number beyond
 * 2^53 is rounded, -0 and 1.0 lose their form), and what is read here is written back beside a
 * change of another name: so only what is looked at is parsed.
 */

/**
 * @param source - JSON text that `JSON.parse` accepts (not checked again here), where there is one
 * @returns each member's value as it stands in `source`, the last of equal names, or `undefined` if
 *   the text is not an object
 */
export function jsonMembers(source: string | undefined): Map<string, string> | undefined {
  if (source === undefined) return undefined;
  let at = 0;
  const skipBlanks = (): void => {
    while (' \t\n\r'.includes(source[at] ?? '|')) at += 1;
  };
  const skipString = (): void => {
    at += 1;
    while (at < source.length && source[at] !== '"') at += source[at] === '\\' ? 2 : 1;
    at += 1;
  };
  const skipValue = (): void => {
    let depth = 0;
    while (at < source.length) {
      const character = source[at] ?? '';
      if (depth === 0 && ',}] \t\n\r'.includes(character)) return;
      if (character === '"') skipString();
      else {
        if (character === '{' || character === '[') depth += 1;
        if (character === '}' || character === ']') depth -= 1;
        at += 1;
      }
    }
  };

  skipBlanks();
  if (source[at] !== '{') return undefined;
  at += 1;
  const members = new Map<string, string>();
  while (at < source.length) {
    skipBlanks();
    if (source[at] === ',') {
      at += 1;
      continue;
    }
    if (source[at] !== '"') return members;
    const nameAt = at;
    skipString();
    const name: string = JSON.parse(source.slice(nameAt, at));
    skipBlanks();
    at += 1; // the colon
    skipBlanks();
    const valueAt = at;
    skipValue();
    members.set(name, source.slice(valueAt, at));
  }
  return members;
}

/** The JSON text of an object with these members. Keeps a member named `__proto__`. */
export function jsonObject(members: ReadonlyMap<string, string>): string {
  return `{${[...members].map(([name, value]) => `${JSON.stringify(name)}:${value}`).join(',')}}`;
}
