/**
 * Whatever a store holds, the text that an editor gets says the same when it comes back as it was, and what the user changes in it
 * changes nothing else.
 */
import { editDotenv } from '@keyfall/provider-dotenv/edit';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { anyCharacter } from '../../../test/any-character.ts';
import { changesIn, textOf } from '../src/commands/edit-text.ts';

const name = fc.oneof(
  { weight: 5, arbitrary: fc.stringMatching(/^[A-Za-z_]\w{0,8}$/) },
  fc.stringMatching(/^[a-z]{1,4}(\.[a-z-]{1,4}){1,2}$/),
  fc.string({ unit: anyCharacter, minLength: 1, maxLength: 6 }),
);
const value = fc.oneof(
  fc.string({ unit: anyCharacter, maxLength: 20 }),
  fc.string({ unit: fc.constantFrom(...'\'"`\\$#{}= \n\rnab'), maxLength: 12 }),
  // biome-ignore lint/suspicious/noTemplateCurlyInString: what a .env may hold
  fc.constantFrom('', 'plain', '-----BEGIN-----\nMIIB+/=\n-----END-----\n', '${HOME}', '$(date)'),
);
const values = fc
  .uniqueArray(fc.tuple(name, value), { maxLength: 8, selector: ([key]) => key })
  .map((pairs) => new Map(pairs));

test('a text that is not changed changes nothing, whatever is in it', async () => {
  await fc.assert(
    fc.asyncProperty(values, async (held) => {
      const { text, shown } = await textOf(held, ['heading'], [], undefined);
      for (const [key, read] of shown) expect(read).toBe(held.get(key));
      expect([...(await changesIn(text, shown, undefined))]).toEqual([]);
      // an editor may end the last line, or not
      expect([...(await changesIn(text.trimEnd(), shown, undefined))]).toEqual([]);
    }),
    { numRuns: 60 },
  );
});

test('what is changed, added and taken out is that, and nothing else', async () => {
  await fc.assert(
    fc.asyncProperty(
      values,
      fc.nat(),
      fc.stringMatching(/^\w{1,6}$/),
      async (held, pick, other) => {
        const { text, shown } = await textOf(held, ['heading'], [], undefined);
        const names = [...shown.keys()];
        const changed = names[pick % Math.max(names.length, 1)] ?? 'NEW';
        const gone = names.filter((key) => key !== changed)[0];
        const wanted = new Map<string, string | null>([[changed, `${other}.`]]);
        if (gone !== undefined) wanted.set(gone, null);
        const edited = await editDotenv(text, wanted, {}).catch(() => undefined);
        // a name that is taken out may have kept two others apart
        fc.pre(edited !== undefined);
        const found = await changesIn(edited ?? '', shown, undefined);
        expect(new Map([...found].sort())).toEqual(
          new Map([...wanted].filter(([key, to]) => shown.get(key) !== to).sort()),
        );
      },
    ),
    { numRuns: 60 },
  );
});
