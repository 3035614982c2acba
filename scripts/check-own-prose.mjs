/**
 * Holds that no program of ours reads its own prose: a message, a hint, a detail, the display text of a store are for
 * people, and may be reworded by anybody. What a program acts on is a code or another field. The words of others (a
 * server, Node, a library) are read in the files of the list below alone.
 *
 * Prose is what has one of the names below, or was assigned from what has. Read is what is searched, split, matched,
 * compared or looked up.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseAst } from 'rolldown/parseAst';

/** What the texts are called. */
const names = new Set(['message', 'reason', 'hint', 'detail', 'store', 'description']);

/** Files that may read such a text, and why. */
export const allowed = {
  'packages/cli/src/commands/completion-scripts.ts': 'escapes help texts for a shell',
  'packages/cli/src/config/foreign-errors.ts': 'the words of Node, its JSON parser and jiti',
  'packages/core/src/calls/thrown-facts.ts': "cuts the message off a stranger's stack",
  'packages/core/src/loading/schema-message.ts': 'the words of a schema library',
  'packages/aws/src/aws-errors.ts': 'the words of AWS',
  'packages/provider-vault/src/answers/classify-result.ts': "the words of Node's errors",
  'packages/provider-vault/src/http/connection-codes.ts': 'the words of OpenSSL',
  'examples/aiogram-shop/src/quiet-api.ts': 'the words of Telegram',
};

/** The TypeScript of every package, template and example. */
function sources() {
  const folders = ['packages', 'templates', 'examples'].flatMap((group) =>
    readdirSync(group).map((name) => join(group, name, 'src')),
  );
  return folders
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => readdirSync(folder, { recursive: true }).map((path) => join(folder, path)))
    .filter((path) => path.endsWith('.ts'));
}

const searching = new Set(
  `includes startsWith endsWith match matchAll search split replace replaceAll indexOf lastIndexOf slice substring
  substr at charAt charCodeAt codePointAt localeCompare`.split(/\s+/),
);
/** What leaves a text the text that it was. */
const keeping = new Set(['trim', 'trimEnd', 'trimStart', 'toLowerCase', 'toUpperCase', 'toString']);
/**
 * What tests its argument, or looks it up. Not `has`: to say the same text once is no matter of how it is worded.
 */
const lookingUp = new Set(['test', 'exec', 'get', 'includes', 'indexOf']);
const comparing = new Set(['==', '===', '!=', '!==', '<', '>', '<=', '>=']);

/**
 * Where a file reads prose.
 *
 * @param text - TypeScript
 * @returns the lines, each with the expression
 */
export function proseReadIn(text) {
  const found = [];
  const aliases = [];
  const program = parseAst(text, { lang: 'ts' });

  const isNamed = (name, at) =>
    names.has(name) || aliases.some((alias) => alias.name === name && alias.in(at));

  /** Whether this is such a text, or one with a part of it as it is. */
  const isProse = (node) => {
    switch (node?.type) {
      case 'Identifier':
        return isNamed(node.name, node.start);
      case 'MemberExpression':
        return !node.computed && names.has(node.property.name);
      case 'LogicalExpression':
        return isProse(node.left) || isProse(node.right);
      case 'ConditionalExpression':
        return isProse(node.consequent) || isProse(node.alternate);
      case 'ChainExpression':
      case 'ParenthesizedExpression':
      case 'TSAsExpression':
      case 'TSNonNullExpression':
        return isProse(node.expression);
      case 'CallExpression': {
        const { callee } = node;
        if (callee.type === 'Identifier')
          return ['String', 'printable'].includes(callee.name) && isProse(node.arguments[0]);
        return callee.type === 'MemberExpression' && keeping.has(callee.property.name)
          ? isProse(callee.object)
          : false;
      }
      default:
        return false;
    }
  };

  /** A comparison with nothing, or of a reason that is one of a list of codes. */
  const isHarmless = (one, other) =>
    ['null', 'undefined', "''"].includes(text.slice(other.start, other.end)) ||
    (isReason(one) && other.type === 'Literal' && /^[a-z-]+$/.test(String(other.value)));
  const isReason = (node) => /\breason$/.test(text.slice(node.start, node.end));

  const tell = (node) => {
    const line = text.slice(0, node.start).split('\n').length;
    found.push({ line, code: text.slice(node.start, node.end).split('\n')[0] });
  };

  const walk = (node, scope) => {
    if (Array.isArray(node)) {
      for (const each of node) walk(each, scope);
      return;
    }
    if (typeof node?.type !== 'string') return;
    const inner = /Function|^Program$/.test(node.type) ? node : scope;
    const within = (at) => inner.start <= at && at <= inner.end;
    if (node.type === 'VariableDeclarator' && node.id.type === 'Identifier' && isProse(node.init))
      aliases.push({ name: node.id.name, in: within });
    if (node.type === 'Property' && node.value?.type === 'Identifier' && names.has(node.key.name))
      if (node.isPattern) aliases.push({ name: node.value.name, in: within });
    if (node.type === 'ObjectPattern')
      for (const each of node.properties) {
        const value = each.value?.type === 'AssignmentPattern' ? each.value.left : each.value;
        if (names.has(each.key?.name) && value?.type === 'Identifier')
          aliases.push({ name: value.name, in: within });
      }
    if (node.type === 'CallExpression' && node.callee.type === 'MemberExpression') {
      const method = node.callee.property.name;
      if (searching.has(method) && isProse(node.callee.object)) tell(node);
      else if (lookingUp.has(method) && isProse(node.arguments[0])) tell(node);
    }
    if (node.type === 'BinaryExpression' && comparing.has(node.operator)) {
      const { left, right } = node;
      if (isProse(left) && !isHarmless(left, right)) tell(node);
      else if (isProse(right) && !isHarmless(right, left)) tell(node);
    }
    if (node.type === 'SwitchStatement' && isProse(node.discriminant))
      if (!isReason(node.discriminant)) tell(node.discriminant);
    if (node.type === 'MemberExpression' && node.computed && isProse(node.property))
      if (!isReason(node.property)) tell(node);
    for (const [key, child] of Object.entries(node))
      if (key !== 'type' && typeof child === 'object') walk(child, inner);
  };
  walk(program, program);
  return found;
}

/** Complaints about the files of the repository; about an entry of the list that is of no use any more, too. */
function complaints() {
  const read = new Map(
    sources()
      .map((path) => [path, proseReadIn(readFileSync(path, 'utf8'))])
      .filter(([, found]) => found.length > 0),
  );
  return [
    ...[...read]
      .filter(([path]) => !Object.hasOwn(allowed, path))
      .flatMap(([path, found]) => found.map(({ line, code }) => `${path}:${line}: ${code}`)),
    ...Object.keys(allowed)
      .filter((path) => !read.has(path))
      .map((path) => `scripts/check-own-prose.mjs: ${path} reads no prose: take it off the list`),
  ];
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const all = complaints();
  for (const complaint of all) console.error(complaint);
  if (all.length > 0) {
    console.error(`\nA program goes by a code or a field, and not by a text that is for people.`);
    process.exitCode = 1;
  }
}
