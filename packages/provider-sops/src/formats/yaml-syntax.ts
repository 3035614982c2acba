/**
 * The syntax of YAML, by the `yaml` package, which reads YAML 1.2. sops uses go-yaml, which is stricter in places and knows
 * more line breaks: what go-yaml refuses, or reads differently, is refused here.
 */
import {
  Composer,
  type CST,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type ParsedNode,
  Parser,
  Scalar as YamlScalar,
} from 'yaml';
import { InvalidSops } from '../tree/sops-tree.ts';
import type { PlacedComment } from './yaml-comments.ts';

/** Characters that go-yaml does not accept (yaml/v3, readerc.go). */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const forbidden = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff]/;

/**
 * Line breaks of go-yaml alone, and a byte order mark within a text. sops itself writes only U+2028 and U+2029 of these, in
 * names and unencrypted values, and the yaml package would read them differently: it neither folds them nor drops the
 * blanks around them.
 */
const otherBreaks = /\r(?!\n)|[\x85\u2028\u2029]|(?!^)\ufeff/;

/**
 * The documents of a text, and its comments in their order.
 *
 * @throws `InvalidSops` where go-yaml refuses it
 */
export function composed(text: string): {
  documents: Document.Parsed[];
  comments: PlacedComment[];
} {
  if (forbidden.test(text)) throw new InvalidSops('holds control characters');
  if (otherBreaks.test(text))
    throw new InvalidSops('holds line breaks other than LF and CRLF, or a byte order mark within');
  const comments: PlacedComment[] = [];
  let documents: Document.Parsed[];
  try {
    const tokens = [...new Parser().parse(text)];
    lookAtTokens(tokens, text, comments);
    const options = { schema: 'failsafe', resolveKnownTags: false, uniqueKeys: false } as const;
    const composer = new Composer({ ...options, logLevel: 'silent' });
    documents = [...composer.compose(tokens)] as Document.Parsed[];
  } catch (error) {
    // otherwise a RangeError of a text that is nested too deeply
    throw error instanceof InvalidSops ? error : new InvalidSops('is not valid YAML');
  }
  // the messages of the package quote the line
  if (documents.some(({ errors }) => errors.length > 0)) throw new InvalidSops('is not valid YAML');
  if (documents.length === 0) throw new InvalidSops('is empty');
  const newer = documents.some(
    ({ directives: { yaml } }) => yaml.explicit && yaml.version !== '1.1',
  );
  if (newer) throw new InvalidSops('says that it is of a version of YAML that sops does not read');
  comments.sort((a, b) => a.start - b.start);
  return { documents, comments };
}

/** The start of the line of an offset. */
export function lineStart(text: string, offset: number): number {
  return text.lastIndexOf('\n', offset - 1) + 1;
}

/** Collects the comments and refuses tabs, which may be anywhere in the tree of tokens. */
function lookAtTokens(tokens: readonly CST.Token[], text: string, into: PlacedComment[]): void {
  const waiting: [part: unknown, inFlow: boolean][] = [[tokens, false]];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const [token, inFlow] = next;
    if (Array.isArray(token)) {
      for (const each of token) waiting.push([each, inFlow]);
      continue;
    }
    if (typeof token !== 'object' || token === null) continue;
    const { type, offset, source } = token as Partial<CST.SourceToken>;
    const inside = inFlow || (type as string) === 'flow-collection';
    for (const part of Object.values(token))
      if (typeof part === 'object') waiting.push([part, inside]);
    if (offset === undefined || source === undefined) continue;
    const isTab = type === 'space' && !inFlow && source.includes('\t');
    if (!isTab && type !== 'comment') continue;
    const column = offset - lineStart(text, offset);
    const before = text.slice(offset - column, offset);
    const behind = before.trim() === '' ? undefined : /^[\s-]*$/.test(before) ? 'dash' : 'item';
    // go-yaml accepts no tab as indentation, and none behind the mark of an item
    const indents = isTab
      ? /^[\s?-]*$/.test(before)
      : behind === undefined && before.includes('\t');
    if (indents) throw new InvalidSops('is indented by tabs');
    if (!isTab) into.push({ text: source.slice(1), start: offset, column, behind });
  }
}

/** Refuses anchors and escapes that go-yaml does not accept. */
export function refuseNode(node: ParsedNode, text: string): void {
  const { anchor, range } = node;
  if (anchor !== undefined && !/^[\w-]+$/.test(anchor))
    throw new InvalidSops('has an anchor that sops does not read');
  if (!isScalar(node) || node.type !== YamlScalar.QUOTE_DOUBLE) return;
  // an escaped surrogate is not a character, and two of them are not either
  const escapes = text.slice(range[0], range[1]).replaceAll('\\\\', '');
  if (/\\(u|U0000)[dD][89a-fA-F]/.test(escapes))
    throw new InvalidSops('has an escape that is not a character');
}

/** Refuses what cannot be merged among the outermost names: there go-yaml merges, but only mappings. */
export function refuseMerges(contents: ParsedNode): void {
  if (!isMap(contents)) return;
  for (const { key, value } of contents.items) {
    if (!isScalar(key) || key.type !== YamlScalar.PLAIN || key.value !== '<<') continue;
    if (!isMap(value) && !isSeq(value) && !isAlias(value))
      throw new InvalidSops('merges something that is not a mapping');
  }
}
