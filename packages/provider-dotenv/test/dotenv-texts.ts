/**
 * Texts for the readers of a `.env`: of what they decide by, from whole lines to rubble.
 */
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: it is the readers' own notation
import fc from 'fast-check';

const pieces = fc.constantFrom(
  ...[
    'A',
    'B',
    'C',
    'A=',
    'B=',
    'C=',
    '\nA=',
    '\nB=',
    '=',
    ' = ',
    ':',
    ': ',
    'export ',
    'export\t',
  ],
  ...[
    "'",
    "'",
    '"',
    '"',
    '`',
    '\\',
    '\\\\',
    '\\n',
    "\\'",
    '\\"',
    '\\$',
    '\\t',
    '\\0',
    '101',
    '#',
    ' #',
  ],
  ...[
    '\n',
    '\n',
    '\n',
    '\r\n',
    '\r',
    '\u2028',
    '\u0085',
    '\u00a0',
    '\uFEFF',
    'x',
    'é',
    '.',
    '-',
    ' ',
    '\t',
  ],
  ...[
    '$',
    '$$',
    '$A',
    '${A}',
    '${B:-d}',
    '${C}',
    '${C:+y}',
    '${A-x}',
    '${C:?e}',
    '${:-$}',
    '${',
    '}',
  ],
  ...['~', ';', '\v', '\x1c', '[', '{', '?', '+'],
);

const lines = fc
  .array(
    fc
      .tuple(
        fc.constantFrom('A=', 'B=', 'C=', 'export A=', 'A =', 'B= ', 'A="', "B='"),
        fc.array(
          pieces.filter((piece) => !piece.includes('\n')),
          { maxLength: 5 },
        ),
        fc.constantFrom('', '"', "'", ' # c'),
      )
      .map(([name, value, end]) => name + value.join('') + end),
    { maxLength: 4 },
  )
  .map((some) => some.join('\n'));

const texts = fc.oneof(
  fc.array(pieces, { maxLength: 14 }).map((some) => some.join('')),
  lines,
);

/** The same texts in every run, so that one process of each reader reads them all. */
export const sampledTexts: readonly string[] = fc.sample(texts, {
  numRuns: 3000,
  seed: 20_261_126,
});

/** Values of what makes one hard to write. */
export const sampledValues: readonly string[] = fc.sample(
  fc
    .array(
      fc.constantFrom(
        ...[
          "'",
          '"',
          '`',
          '\\',
          '\\n',
          '#',
          ' #',
          ' ',
          '\n',
          '\r',
          '$',
          '$(x)',
          '${A}',
          '$A',
          'x',
          '=',
        ],
        ...[':', ';', '&', '~', '\t', 'é', '!', '%', '(', '\u2028'],
      ),
      { maxLength: 7 },
    )
    .map((some) => some.join('')),
  { numRuns: 600, seed: 20_261_126 },
);
