import { expect, test } from 'vitest';
import { didYouMean } from '../src/terminal/near-names.ts';

test('nothing is meant by a name that is there; what is suggested cannot move the cursor', () => {
  expect(didYouMean(['TOKEN'], ['TOKEN', 'TOKEN2'])).toBeUndefined();
  expect(didYouMean(['TOKEN'], ['TOKEN\u001b'])).toBe('Did you mean TOKEN\\u{1b}?');
  expect(didYouMean(['TOKN', 'DB_PAS', 'OK'], ['TOKEN', 'DB_PASS', 'OK'])).toBe(
    'Did you mean TOKEN or DB_PASS?',
  );
});
