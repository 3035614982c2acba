/**
 * What Stryker leaves alone: prose. A text with a space in it is for people, no program acts on its
 * wording, and tests that repeat each sentence would only be in the way of a better one. A code, a name or a
 * kind has no space, and is changed.
 */
export const strykerPlugins = [
  {
    kind: 'Ignore',
    name: 'prose',
    value: {
      shouldIgnore({ node }) {
        const texts =
          node.type === 'StringLiteral'
            ? [node.value]
            : node.type === 'TemplateLiteral'
              ? node.quasis.map(({ value }) => value.raw)
              : [];
        return texts.some((text) => text.includes(' ')) ? 'prose' : undefined;
      },
    },
  },
];
