/**
 * Files with something changed in them, made the same way each time: what sops says to each is recorded
 * in fixtures/verdicts.json.
 */
import { createHash } from 'node:crypto';
import { fixture } from './fixtures.ts';

/** The fixtures that are tampered with; all of them open with the key `one`. */
export const tamperedFixtures: readonly string[] = [
  'all.yaml',
  'all.json',
  'all.env',
  'all.ini',
  'encrypted-comment.yaml',
  'mac-only.yaml',
  'mac-only.env',
  'groups.yaml',
  'comments.yaml',
];

const token = /ENC\[AES256_GCM,data:[^,]*,iv:[^,]*,tag:[^,]*,type:\w+\]/g;

/** Every tampering of a fixture, by a name that says what was done. */
export function tampersOf(name: string): Map<string, string> {
  const text = fixture(name);
  const tampers = new Map<string, string>();
  const add = (what: string, changed: string) => {
    if (changed !== text) tampers.set(what, changed);
  };
  if (name === 'comments.yaml') {
    moved(text, add);
    return tampers;
  }
  // what is in this one differs in its metadata alone
  if (name !== 'groups.yaml') {
    values(text, add);
    lines(text, add);
  }
  metadata(name, text, add);
  if (name === 'mac-only.yaml') syntax(text, add);
  whole(text, add);
  return tampers;
}

/** One tampering of each kind: what is done to many values or lines alike is kept for the first. */
export function oneOfEachKind<T>(tampers: ReadonlyMap<string, T>): Map<string, T> {
  const kinds = new Set<string>();
  const kept = new Map<string, T>();
  for (const [what, tampered] of tampers) {
    const kind = what.replace(/^(values?|lines?|name in line) \d+/, '$1');
    if (!kinds.has(kind)) kept.set(what, tampered);
    kinds.add(kind);
  }
  return kept;
}

type Add = (what: string, changed: string) => void;

function values(text: string, add: Add): void {
  const found = [...text.matchAll(token)];
  const put = (index: number, replacement: string) => {
    const { 0: whole, index: at } = found[index] ?? { 0: '', index: 0 };
    return text.slice(0, at) + replacement + text.slice(at + whole.length);
  };
  for (const [index, { 0: whole }] of found.entries()) {
    if (index > 7 && index < found.length - 3) continue;
    const other = found[index + 1]?.[0];
    if (other !== undefined) {
      add(`value ${index} is the next one's`, put(index, other));
      const both = text.replace(whole, '\0').replace(other, whole).replace('\0', other);
      add(`values ${index} and the next swapped`, both);
    }
    add(`value ${index} plain`, put(index, 'plain'));
    add(`value ${index} a number`, put(index, '17'));
    add(`value ${index} empty`, put(index, ''));
    add(`value ${index} quoted empty`, put(index, '""'));
    if (index > 2 && index < found.length - 2) continue;
    for (const type of ['str', 'int', 'float', 'bool', 'bytes', 'comment', 'time', 'strange', ''])
      add(`value ${index} of type ${type}`, put(index, whole.replace(/type:\w+/, `type:${type}`)));
    const flip = (part: string) =>
      whole.replace(new RegExp(`${part}:(.)`), (_, char) => `${part}:${char === 'A' ? 'B' : 'A'}`);
    for (const part of ['data', 'iv', 'tag'])
      add(`value ${index} with another ${part}`, put(index, flip(part)));
    add(`value ${index} without its tag`, put(index, whole.replace(/,tag:[^,]*/, '')));
    add(`value ${index} with no data`, put(index, whole.replace(/data:[^,]*/, 'data:')));
    add(`value ${index} with bad base64`, put(index, whole.replace('iv:', 'iv:=')));
    add(`value ${index} with more behind it`, put(index, `${whole}more`));
    add(`value ${index} with more before it`, put(index, `more${whole}`));
    add(`value ${index} in lower case`, put(index, whole.replace('ENC[', 'enc[')));
    add(
      `value ${index} with its tag in the data`,
      put(index, whole.replace(/data:([^,]*),/, 'data:$1AAAA,')),
    );
  }
}

function lines(text: string, add: Add): void {
  const all = text.split('\n');
  const end = all.findIndex((line) => /^\s*"?\[?sops\b|^sops_/.test(line));
  const without = (index: number) => all.filter((_, at) => at !== index).join('\n');
  const put = (index: number, ...lines: string[]) =>
    [...all.slice(0, index), ...lines, ...all.slice(index + 1)].join('\n');
  for (let index = 0; index < (end === -1 ? all.length : end); index++) {
    const line = all[index] ?? '';
    if (line === '') continue;
    add(`line ${index} gone`, without(index));
    const swapped = [...all];
    swapped.splice(index, 2, all[index + 1] ?? '', line);
    add(`lines ${index} and the next swapped`, swapped.join('\n'));
    add(
      `line ${index} with its plain value changed`,
      put(index, line.replace(/visible|(?<=: )(one|two|4)/, 'changed')),
    );
    add(`name in line ${index} changed`, put(index, line.replace(/[\w"]+(?=\s*[:=])/, 'other')));
    if (index > 4) continue;
    add(`line ${index} twice`, put(index, line, line));
    add(`line ${index} indented`, put(index, `  ${line}`));
    add(`line ${index} a comment`, put(index, `#${line}`));
    add(`line ${index} upper case`, put(index, line.toUpperCase()));
    add(`line ${index} before a new one`, put(index, 'added: x', line));
    add(`line ${index} before a new pair`, put(index, 'added=x', line));
    add(`line ${index} before a new comment`, put(index, '# added', line));
    add(`line ${index} with null`, put(index, line.replace(/([:=]\s*).*/, '$1null')));
  }
}

function metadata(name: string, text: string, add: Add): void {
  const field = (key: string, value: string) =>
    text.replace(
      new RegExp(`(\\b(?:sops_)?${key}"?\\s*[:=]\\s*)("?)[^\\n"]*"?(,?)`),
      `$1$2${value}$2$3`,
    );
  const drop = (key: string) =>
    text.replace(new RegExp(`\\n[^\\n]*\\b(?:sops_)?${key}"?\\s*[:=][^\\n]*`), '');
  const sibling = name.startsWith('all') ? name.replace('all', 'groups') : name;
  const otherMac = [...fixture(sibling).matchAll(token)].at(-1)?.[0] ?? '';
  add('mac of another file', field('mac', otherMac));
  add('mac empty', field('mac', ''));
  for (const key of ['mac', 'lastmodified', 'version', 'recipient', 'enc', 'shamir_threshold'])
    add(`no ${key}`, drop(key));
  const time = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/.exec(text)?.[0] ?? '';
  for (const changed of [
    `${time}+00:00`,
    `${time}-00:00`,
    `${time}+01:00`,
    `${time}.5Z`,
    `${time},5Z`,
    `${time}z`,
    time,
    `${time.replace('T', ' ')}Z`,
    `${time.replace('T', 't')}Z`,
    '2001-02-03T04:05:06Z',
    '2001-02-30T04:05:06Z',
    'yesterday',
    '',
  ])
    add(`lastmodified ${changed.replace(time, 'same')}`, field('lastmodified', changed));
  for (const version of [
    '',
    '1',
    '1.5',
    '2.0',
    '3.11',
    'v3.11.0',
    '3.011.0',
    '3.11.0-rc.1',
    '99.0.0',
    'abc',
  ])
    add(`version ${version}`, field('version', version));
  for (const rule of ['unencrypted_suffix', 'encrypted_regex', 'encrypted_comment_regex']) {
    add(`no ${rule}`, drop(rule));
    for (const value of ['', '_open', '_unencrypted', '.*', '(', '^n'])
      add(`${rule} ${value}`, field(rule, value));
  }
  for (const value of ['0', '1', '3', '"2"', '2.0', 'two'])
    add(`threshold ${value}`, text.replace(/(shamir_threshold"?\s*[:=]\s*)2/, `$1${value}`));
  add('mac_only_encrypted off', text.replace(/(mac_only_encrypted"?\s*[:=]\s*)true/, '$1false'));
  add('mac_only_encrypted text', text.replace(/(mac_only_encrypted"?\s*[:=]\s*)true/, '$1"true"'));
  add('mac_only_encrypted yes', text.replace(/(mac_only_encrypted"?\s*[:=]\s*)true/, '$1yes'));
  add('another recipient', text.replace(/age1\w{8}/, 'age1qqqqqqqq'));
  add('broken enc', text.replace('-----BEGIN AGE', '-----BEGIN OLD'));
  add('enc with another byte', text.replace(/(FILE-----(?:\\n|\n\s*))Y/, '$1Z'));
  add('metadata renamed', text.replace(/\bsops(?=[":\]_])/g, 'spos'));
}

/** Comments where sops would not have put them, with a rule that goes by them. */
function moved(text: string, add: Add): void {
  add('a comment behind a dash', text.replace('# sops:enc\n    - - E', '- # sops:enc\n      - E'));
  add(
    'two comments from a dash on',
    text.replace(
      '# a comment\n    # sops:enc\n    - -',
      '- # a comment\n      # sops:enc\n      -',
    ),
  );
  add('a comment too high', text.replace('    - - open', '    # sops:enc\n    - - open'));
  add('no comment', text.replace('    # sops:enc\n', ''));
}

/** What is not in the MAC may be any YAML: what sops's reader makes of it, which is not YAML 1.2's. */
function syntax(text: string, add: Add): void {
  const end = text.indexOf('\nsops:') + 1;
  for (const added of [
    'x: &a {b: 1}\ny: {<<: *a, c: 2}',
    'x: &a.b c\ny: *a.b',
    'x: &é c\ny: *é',
    'x: !!binary aGVsbG8=',
    '!!binary aGVsbG8=: x',
    'x: !!timestamp 2020-01-01',
    'x: !!omap [a: 1]',
    'x: !!set {a, b}',
    'x: !!float 1',
    'x: !custom 12',
    'x: ! 3',
    'x: ! "3"',
    '<<:',
    '<<: null',
    '<<: x',
    '<<: {z: 1}',
    '"<<": x',
    'x: {<<: 1}',
    'x: "\\ud83d\\ude00"',
    'x: "\\ud800"',
    'x: "\\\\ud800"',
    'x: "\\U0001F600\\x41\\e\\N\\_\\L\\P"',
    'x: 0o17\ny: 0b11\nz: 1_000',
    'x: 190:20:30\ny: 1.5_0\nz: 1__0',
    'x: 18446744073709551615',
    'x: 18446744073709551616',
    'x: 2020-1-1\ny: 2020-02-30\nz: 2020-01-01 00:00:00',
    'x: [a, b,]\ny: {a, b: }',
    'x: [a: 1, "b":2]',
    'x: &a *a',
    'x: &a [*a]',
    'x: *a',
    'x: {a: 1, a: 2}',
    '1: a',
    '? x\n: y',
    '? [a]\n: b',
    'x:\ty',
    'x:\n\t- y',
    'x:\n  -\ty',
    'x:\n  "y"\n\t',
    '?\tx',
    '\t',
    '\t# x',
    'x: y\u2028z',
    'x: |\n  y\rz',
    'x: y\r\nz: w',
    'x: y\n...\n%YAML 1.1\n---\nz: w',
    'x: y\n...\n%YAML 1.2\n---\nz: w',
    '---\n- x',
    '---\nx',
    '---\n---\n',
    '---\nsops: x',
    '---\nx: 1\nx: 2',
  ])
    add(`syntax ${JSON.stringify(added)}`, `${text.slice(0, end)}${added}\n${text.slice(end)}`);
  add('version 1.2 of YAML', `%YAML 1.2\n---\n${text}`);
  add('version 1.1 of YAML', `%YAML 1.1\n---\n${text}`);
  add('two byte order marks', `\uFEFF\uFEFF${text}`);
}

function whole(text: string, add: Add): void {
  add('CRLF', text.replaceAll('\n', '\r\n'));
  add('byte order mark', `\uFEFF${text}`);
  add('nothing', '');
  add('a line break', '\n');
  for (const share of [0.1, 0.3, 0.5, 0.7, 0.9, 0.97])
    add(`cut off at ${share}`, text.slice(0, Math.floor(text.length * share)));
  add('no last line break', text.replace(/\n$/, ''));
  add('a line more', `${text}added: x\n`);
  add('a pair more', `${text}added=x\n`);
  add('rubbish behind', `${text}}{`);
  add('twice', text + text);
  add('a document more', `${text}---\nadded: x\n`);
  add('a tab before', `\t${text}`);
}

/** What a document comes to, whatever the order of its names: short, for the record. */
export function digestOf(document: unknown): string {
  const text = JSON.stringify(sorted(document));
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const pairs = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return { object: pairs.map(([name, inner]) => [name, sorted(inner)]) };
}
