/**
 * What go-yaml makes of a scalar (go.yaml.in/yaml/v3, resolve.go), which is something between YAML 1.1 and 1.2: `yes` is
 * text, `017` is 15, `1_000` a number, and a date a time. The MAC is computed over the result, so that any difference
 * makes valid files look tampered with.
 */
import { parseFloat64, parseInt64, yamlTime } from '../tree/go-text.ts';
import { InvalidSops, type Scalar } from '../tree/sops-tree.ts';

const words: ReadonlyMap<string, Scalar> = new Map<string, Scalar>([
  ...['true', 'True', 'TRUE'].map((word) => [word, true] as const),
  ...['false', 'False', 'FALSE'].map((word) => [word, false] as const),
  ...['', '~', 'null', 'Null', 'NULL'].map((word) => [word, null] as const),
  ...['.nan', '.NaN', '.NAN'].map((word) => [word, Number.NaN] as const),
  ...['.inf', '.Inf', '.INF', '+.inf', '+.Inf', '+.INF'].map((word) => [word, Infinity] as const),
  ...['-.inf', '-.Inf', '-.INF'].map((word) => [word, -Infinity] as const),
]);

const prefix = 'tag:yaml.org,2002:';

/**
 * @param plain - whether it stands without quotes and not in a block
 * @param tag - its explicit tag, in long form
 * @throws `InvalidSops` if the tag says what the text is not
 */
export function yamlScalar(text: string, plain: boolean, tag?: string): Scalar {
  if (tag === undefined || tag === '!') return plain ? resolved(text) : text;
  if (tag === `${prefix}str`) return text;
  if (tag === `${prefix}binary`) return binary(text);
  const kind = tag.startsWith(prefix) ? tag.slice(prefix.length) : '';
  if (!['bool', 'int', 'float', 'null', 'timestamp'].includes(kind)) return text;
  const value = kind === 'timestamp' ? yamlTime(text) : resolved(text, false);
  if (kind === 'float' && typeof value === 'bigint') return Number(value);
  if (value === undefined || kindOf(value) !== kind)
    throw new InvalidSops('has a value that is not what its tag says');
  return value;
}

function kindOf(value: Scalar): string {
  if (value === null) return 'null';
  if (typeof value === 'bigint') return 'int';
  if (typeof value === 'number') return 'float';
  if (typeof value === 'boolean') return 'bool';
  return typeof value === 'object' && 'time' in value ? 'timestamp' : 'str';
}

function resolved(text: string, times = true): Scalar {
  const word = words.get(text);
  if (word !== undefined) return word;
  const first = text.charAt(0);
  if (first === '.') return parseFloat64(text) ?? text;
  if (!/[-+0-9]/.test(first)) return text;
  const time = times ? yamlTime(text) : undefined;
  return time ?? integer(text.replaceAll('_', '')) ?? float(text.replaceAll('_', '')) ?? text;
}

/** `strconv.ParseInt(text, 0, 64)`, whose radix is in the prefix, then the octals of YAML 1.2. */
function integer(text: string): bigint | undefined {
  const match = /^([+-]?)(0[xX]|0[bB]|0[oO]|0(?=\d))?(.+)$/.exec(text);
  if (match === null) return undefined;
  const [, sign = '', mark = '', digits = ''] = match;
  const radixes = { '0x': 16, '0b': 2, '0o': 8, '0': 8, '': 10 } as const;
  if (/^[+-]/.test(digits)) return undefined;
  const radix = radixes[mark.toLowerCase() as keyof typeof radixes];
  const value = parseInt64(sign + digits, radix);
  // Go reads these as unsigned integers, a type that sops does not know
  if (value === undefined && sign === '' && parseInt64(digits, radix, 2n ** 64n) !== undefined)
    throw new InvalidSops('has a number that is too large');
  return value;
}

function float(text: string): number | undefined {
  if (!/^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$/.test(text)) return undefined;
  return parseFloat64(text);
}

function binary(text: string): Scalar {
  const clean = text.replace(/[\r\n]/g, '');
  if (clean.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(clean))
    throw new InvalidSops('has a value that is not what its tag says');
  const bytes = Buffer.from(clean, 'base64');
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return bytes;
  }
}
