// Every message of an error that the sources hold, by its code: a reader has the message, and looks for what it means.
// What differs from case to case is an ellipsis.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';

/**
 * The page, as Markdown.
 * @param {string} root - the repository
 */
export function makeMessagesPage(root) {
  const messages = messagesIn(root);
  const codes = [...new Set(messages.map(({ code }) => code))].sort();
  const sections = codes.map((code) => {
    const lines = messages
      .filter((message) => message.code === code)
      .sort((a, b) => (a.text < b.text ? -1 : 1))
      .map(
        ({ text, hint }) => `- ${asCode(text)}${hint === undefined ? '' : `\\\n  ${asText(hint)}`}`,
      );
    return `## ${code}\n\n[What it means, and what to do](${code}.md).\n\n${[...new Set(lines)].join('\n')}\n`;
  });
  return `# Errors by message

The messages of Keyfall's errors by their code, each with the advice that follows it. What differs from case to case, such as a name
or an address, is shown as \`…\`. Before a message a command may say which secret it is about (\`TOKEN could not be read: …\`) and which
store answered. Look on this page for a part of your message that holds no name, or type it into the search of the site, in quotes. The
page is made from the sources.

${sections.join('\n')}`;
}

/** A message as code: nothing in it is Markdown. */
function asCode(text) {
  const fence = text.includes('`') ? '``' : '`';
  return `${fence} ${text} ${fence}`;
}

/** A hint as text, in which commands and addresses are code. */
function asText(hint) {
  return hint
    .split(/(`[^`]+`|https?:\/\/\S+)/)
    .map((part, index) => {
      if (index % 2 === 0) return part.replace(/[\\`*_{}[\]<>#|~&]/g, '\\$&');
      return part.startsWith('`') ? part : `\`${part}\``;
    })
    .join('');
}

/**
 * Every message in the sources: of `new SecretError(code, reason, { hint })`, and of the functions that make an error of a
 * reason that they are given.
 * @param {string} root - the repository
 * @returns {{ readonly code: string, readonly text: string, readonly hint: string | undefined }[]}
 */
export function messagesIn(root) {
  return readdirSync(join(root, 'packages')).flatMap((name) => {
    const folder = join(root, 'packages', name, 'src');
    const nodes = readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ts'))
      .flatMap((path) => {
        const text = readFileSync(join(folder, path), 'utf8');
        return nodesOf(ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true));
      });
    const makers = new Map(nodes.flatMap(makerOf));
    return nodes
      .filter((node) => ts.isCallExpression(node) || ts.isNewExpression(node))
      .flatMap((node) => [...messageOf(node), ...messageFrom(node, makers)])
      .concat(nodes.flatMap(complaintOf));
  });
}

/** A node and all that is in it. */
function nodesOf(node) {
  const nodes = [node];
  ts.forEachChild(node, (child) => {
    nodes.push(...nodesOf(child));
  });
  return nodes;
}

/** A function of one code that takes the reason as text: its name, with the places of what it takes. */
function makerOf(node) {
  const isNamed = ts.isFunctionDeclaration(node) || ts.isVariableDeclaration(node);
  if (!isNamed || !node.name || !ts.isIdentifier(node.name)) return [];
  const made = ts.isFunctionDeclaration(node) ? node : node.initializer;
  // `denied = ofCode('ERR_SECRET_DENIED')`: what a function of a code answers takes reason and hint
  if (made && ts.isCallExpression(made) && made.arguments.length === 1) {
    const [code = ''] = alternatives(made.arguments[0]);
    return /^ERR_SECRET_\w+$/.test(code) ? named(node, { code, reason: 0, hint: 1 }) : [];
  }
  if (!made || !(ts.isFunctionDeclaration(made) || ts.isArrowFunction(made))) return [];
  const names = made.parameters.map(({ name }) => name.getText());
  const reason = names.findIndex((name) => /^(?:reason|message|what|why|problem)$/.test(name));
  const codes = new Set(made.getText().match(/\bERR_SECRET_[A-Z]+(?:_[A-Z]+)*\b/g));
  if (reason < 0 || codes.size !== 1) return [];
  const [code] = codes;
  return named(node, { code, reason, hint: names.indexOf('hint') });
}

/** By its name in its own file, and in the files that import it. */
function named(node, maker) {
  const { text } = node.name;
  return [
    [`${node.getSourceFile().fileName} ${text}`, maker],
    [text, maker],
  ];
}

/** The message of a call of such a function. */
function messageFrom(call, makers) {
  const { expression, arguments: given = [] } = call;
  const name = ts.isIdentifier(expression) ? expression.text : '';
  const maker = makers.get(`${call.getSourceFile().fileName} ${name}`) ?? makers.get(name);
  const reason = maker && given[maker.reason];
  if (!reason) return [];
  const hint = given[maker.hint] && alternatives(given[maker.hint])[0];
  return messages([maker.code], alternatives(reason), hint);
}

/** The message of a call whose first argument is a code. */
function messageOf({ arguments: [first, second, third] = [] }) {
  if (!first || !second) return [];
  const codes = alternatives(first).filter((each) => /^ERR_SECRET_\w+$/.test(each));
  return messages(codes, alternatives(second), third && hintIn(third));
}

/** What is said of a wrong configuration: an object of a reason and, perhaps, a hint. */
function complaintOf(node) {
  if (!ts.isObjectLiteralExpression(node)) return [];
  const reason = propertyOf(node, 'reason');
  const isOfCommandLine = node.getSourceFile().fileName.startsWith('config/');
  return reason && isOfCommandLine
    ? messages(['ERR_SECRET_CONFIG'], alternatives(reason), hintIn(node))
    : [];
}

function messages(codes, texts, hint) {
  // in some texts the places are filled in later
  const shown = (text) => text.replace(/\$\w+/g, '…');
  const says = (text) => text?.replaceAll('…', '').trim() !== '';
  return codes.flatMap((code) =>
    texts.filter(says).map((text) => ({
      code,
      text: `${shown(text)}.`,
      hint: hint !== undefined && says(hint) ? shown(hint) : undefined,
    })),
  );
}

/** The texts that an expression may be, as far as they stand there. */
function alternatives(node) {
  if (ts.isStringLiteralLike(node)) return [node.text];
  if (ts.isTemplateExpression(node))
    return node.templateSpans.reduce(
      (texts, { expression, literal }) =>
        texts.flatMap((before) =>
          alternatives(expression).map((value) => before + value + literal.text),
        ),
      [node.head.text],
    );
  if (ts.isConditionalExpression(node))
    return [...alternatives(node.whenTrue), ...alternatives(node.whenFalse)];
  if (ts.isParenthesizedExpression(node)) return alternatives(node.expression);
  if (ts.isBinaryExpression(node) && node.operatorToken.kind === ts.SyntaxKind.PlusToken)
    return alternatives(node.left).flatMap((left) =>
      alternatives(node.right).map((right) => left + right),
    );
  const meant = ts.isIdentifier(node) && constantOf(node, node.text);
  return meant ? alternatives(meant) : ['…'];
}

/** What a constant of this file, in a block around the node, is set to. */
function constantOf(node, name) {
  for (let block = node.parent; block; block = block.parent)
    for (const statement of block.statements ?? [])
      if (ts.isVariableStatement(statement))
        for (const declared of statement.declarationList.declarations)
          if (declared.name.getText() === name && !nodesOf(declared).includes(node))
            return declared.initializer;
  return undefined;
}

function hintIn(node) {
  const hint = ts.isObjectLiteralExpression(node) && propertyOf(node, 'hint');
  return hint ? alternatives(hint)[0] : undefined;
}

function propertyOf(node, name) {
  return node.properties.find(
    (each) => ts.isPropertyAssignment(each) && each.name.getText() === name,
  )?.initializer;
}
