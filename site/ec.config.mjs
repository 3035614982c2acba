// How blocks of code are shown. What is copied is what stands there: no block has a prompt, and a comment may be a part of
// what is typed. What a command prints has no button, since there is nothing in it to run.

/** An element of a page, without the button in it. */
function withoutCopyButton(node) {
  const children = node.children?.filter(
    ({ properties }) => !(properties?.className ?? []).includes('copy'),
  );
  return children ? { ...node, children: children.map(withoutCopyButton) } : node;
}

export default {
  // a block that has to be scrolled is hard to read on a phone, and one more stop for a keyboard
  defaultProps: { wrap: true },
  frames: { extractFileNameFromCode: false, removeCommentsWhenCopyingTerminalFrames: false },
  plugins: [
    {
      name: 'what is printed',
      hooks: {
        postprocessRenderedBlock({ codeBlock, renderData }) {
          if (codeBlock.language === 'text')
            renderData.blockAst = withoutCopyButton(renderData.blockAst);
        },
      },
    },
  ],
};
