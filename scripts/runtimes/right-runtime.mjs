// vitest starts its workers by itself: whether they run where the tests are meant to run, they tell.
const { bun, deno, node } = process.versions;
const here = bun ? `bun ${bun}` : deno ? `deno ${deno}` : `node ${node}`;
const meant = process.env['KEYFALL_RUNTIME'];
if (here !== meant) throw new Error(`the tests run on ${here}, not on ${meant}`);
