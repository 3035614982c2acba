import { expect, test } from 'vitest';
import { nearNames } from '../src/near-names.ts';

const names = ['aiogram-shop', 'Aiogram-Shop', 'aiogram-shops', 'blog', 'bog', 'team/', ''];

test.each([
  ['aiogram-shpo', ['aiogram-shop', 'Aiogram-Shop', 'aiogram-shops']],
  ['AIOGRAM-SHOP', ['aiogram-shop', 'Aiogram-Shop', 'aiogram-shops']],
  ['blgo', []],
  ['blogg', ['blog', 'bog']],
  ['bg', ['bog']],
  ['something-else', []],
  ['blog', ['bog']],
])('near %s', (name, near) => {
  expect(nearNames(name, names)).toEqual(near);
});
