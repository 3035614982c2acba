/** What can be read in a picture of a terminal. */

/** Its text, line by line; a character is 12.2 wide. */
export function textOf(svg: string): string {
  const lines = new Map<string, string>();
  const texts = /<text class="\w+-r\d+" x="([\d.]+)" y="([\d.]+)"[^>]*>([^<]*)<\/text>/g;
  for (const [, x, y = '', text = ''] of svg.matchAll(texts)) {
    const before = (lines.get(y) ?? '').padEnd(Math.round(Number(x) / 12.2));
    lines.set(y, before + text.replaceAll('&#160;', ' ').trimEnd());
  }
  return [...lines.values()].map((line) => `${line.trimEnd()}\n`).join('');
}
