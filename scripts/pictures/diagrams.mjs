// The diagrams of the documents. They are narrow, so that their text can be read on a phone, where a picture is as wide as
// the page.

/** A picture is made for pages of both. */
export const schemes = ['light', 'dark'];

const palettes = {
  light: {
    text: '#1f2328',
    quiet: '#57606a',
    line: '#57606a',
    plain: ['#f6f8fa', '#8c959f'],
    store: ['#ddf4ff', '#0969da'],
    good: ['#dafbe1', '#1a7f37'],
    bad: ['#ffebe9', '#cf222e'],
  },
  dark: {
    text: '#e6edf3',
    quiet: '#9da7b3',
    line: '#9da7b3',
    plain: ['#161b22', '#6e7681'],
    store: ['#0c2d6b', '#58a6ff'],
    good: ['#04260f', '#3fb950'],
    bad: ['#490202', '#f85149'],
  },
};

const width = 400;
const lineHeight = 18;
const escaped = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');

/** Lines of text; what is between * is bold, and a line that begins with ~ is quiet. */
function words(x, y, lines, anchor = 'start') {
  return lines
    .map((line, index) => {
      const isQuiet = line.startsWith('~');
      const text = escaped(isQuiet ? line.slice(1) : line).replace(
        /\*([^*]+)\*/g,
        '<tspan class="b">$1</tspan>',
      );
      const at = `x="${x}" y="${y + index * lineHeight}"`;
      return `<text ${at} text-anchor="${anchor}"${isQuiet ? ' class="q"' : ''}>${text}</text>\n`;
    })
    .join('');
}

const heightOf = (lines) => lines.length * lineHeight + 14;

/** A box as high as its lines need. */
function box(kind, x, y, boxWidth, lines) {
  const shape = `<rect class="${kind}" x="${x}" y="${y}" width="${boxWidth}" height="${heightOf(lines)}" rx="6"/>\n`;
  return shape + words(x + 10, y + 21, lines);
}

const arrow = (path) => `<path class="a" d="${path}" marker-end="url(#head)"/>\n`;

/** @returns {(scheme: string) => string} what draws it as SVG */
function diagram(title, description, height, body) {
  return (scheme) => {
    const palette = palettes[scheme];
    const boxes = ['plain', 'store', 'good', 'bad']
      .map((kind) => `.${kind} { fill: ${palette[kind][0]}; stroke: ${palette[kind][1]} }\n`)
      .join('');
    return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-labelledby="title description">
<title id="title">${escaped(title)}</title>
<desc id="description">${escaped(description)}</desc>
<style>
text { font: 14px system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; fill: ${palette.text} }
.b { font-weight: bold }
.q { fill: ${palette.quiet} }
.a { fill: none; stroke: ${palette.line}; stroke-width: 1.5 }
${boxes}</style>
<marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto"><path d="M0 0 8 4 0 8z" fill="${palette.line}"/></marker>
${body}</svg>
`;
  };
}

const answer = ['holds it:', '*this is the answer*'];

const chain = diagram(
  'What the chain does with the answer of each store',
  'A program asks for TOKEN, and Vault is asked first. If it holds the name, this is the answer. If it refuses, cannot be trusted or sends something broken, that is an error, and no other store is asked. If it does not hold the name or cannot be asked, the next store is, such as an encrypted file or a .env, with the same three outcomes. When none holds the name, the error is "not found" if each was asked, and "unavailable" if one could not be.',
  424,
  [
    box('plain', 4, 4, 392, ['*Your program* asks for TOKEN']),
    arrow('M22 36V62'),
    box('store', 4, 64, 176, ['*1. Vault*', '~asked first']),
    arrow('M180 89H204'),
    box('good', 206, 64, 190, answer),
    arrow('M174 114V156H204'),
    box('bad', 206, 122, 190, [
      'refuses, is not trusted,',
      'or is broken: *an error*',
      '~no other store is asked',
    ]),
    arrow('M22 114V208'),
    words(32, 144, ['does not hold it,', 'or cannot be asked', '~(Keyfall says so)']),
    box('store', 4, 210, 176, ['*2. What you have*', '~encrypted file, .env']),
    arrow('M180 235H204'),
    box('good', 206, 210, 190, answer),
    arrow('M174 260V293H204'),
    box('bad', 206, 268, 190, ['refuses or is broken:', '*an error*']),
    arrow('M22 260V350'),
    words(32, 290, ['does not hold it,', 'or cannot be asked']),
    box('plain', 4, 352, 176, ['each was asked:', '*not found*']),
    arrow('M22 336H301V350'),
    box('plain', 206, 352, 190, ['one could not be asked:', '*unavailable*', '~it may be there']),
  ].join(''),
);

const production = diagram(
  'Who holds what in production',
  'Three keepers hold an unseal key each; two of them unseal the server. Anna, who edits, has a password and may read and change the settings. Boris, who operates, has a password and may replace and end logins and seal. On the machine each program has a user of its own: the agent has a role id and a secret id and logs in for the bot; the bot has a token for an hour and its .env, and may read its settings; the backup has a token of its own and may save the encrypted data; the server has its certificate, the encrypted data and the audit log. The root token was revoked on the first day.',
  562,
  [
    words(4, 18, ['~People']),
    box('plain', 4, 28, 290, [
      '*Three keepers*: an unseal key each',
      '~two of them open it after a start',
    ]),
    arrow('M294 53H322'),
    box('plain', 4, 86, 290, [
      '*Anna*, who edits: a password',
      '~may read and change the settings',
    ]),
    arrow('M294 111H322'),
    box('plain', 4, 144, 290, [
      '*Boris*, who operates: a password',
      '~may replace and end logins, and seal',
    ]),
    arrow('M294 169H322'),
    words(4, 226, ['~One machine, and a user for each program']),
    box('plain', 4, 236, 290, ['*shop-agent*: role id and secret id', '~logs in for the bot']),
    arrow('M294 261H322'),
    arrow('M22 286V316'),
    words(32, 306, ['a token for an hour']),
    box('plain', 4, 318, 290, [
      '*shop*, the bot: this token, and .env',
      '~may read its own settings',
    ]),
    arrow('M294 343H322'),
    box('plain', 4, 376, 290, [
      '*vault-backup*: a token of its own',
      '~may save the encrypted data',
    ]),
    arrow('M294 401H322'),
    `<rect class="store" x="324" y="28" width="72" height="398" rx="6"/>\n`,
    words(360, 231, ['*Vault*'], 'middle'),
    '<path class="a" d="M360 426V434"/>\n',
    box('store', 4, 434, 392, [
      '*openbao*, the server: its certificate, the audit log,',
      '~and the data, encrypted; the key is not on the disk',
    ]),
    box('plain', 4, 500, 392, [
      '*The root token*: revoked on the first day. Two',
      'unseal keys give another one, for minutes',
    ]),
  ].join(''),
);

/** The diagrams by the names of their files; each draws itself for one of the {@link schemes}. */
export const diagrams = { chain, production };
