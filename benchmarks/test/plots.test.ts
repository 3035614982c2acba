import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '@keyfall/testkit';
import { expect, test } from 'vitest';
import { bars, lines, picture, writePlot } from '../plots/plots.mjs';

const reads = {
  title: 'A read',
  subtitle: 'beside <peers> & the floor',
  axis: 'time / floor',
  goal: 1.1,
  bars: [
    { name: 'node:http', value: 1, low: 0.97, high: 1.04, kind: 'floor' },
    { name: 'Keyfall', value: 1.07, low: 1.01, high: 1.15, kind: 'ours' },
    { name: 'a peer', value: 61_000, kind: 'peer' },
  ],
} as const;

/** What a reader sees written in a picture. */
const textsOf = (svg: string) =>
  [...svg.matchAll(/<text[^>]*>([^<]+)<\/text>/g)].map(([, text]) => text);

test('bars have a name, a value and the goal, in both versions', async () => {
  const { light, dark } = await bars({ ...reads, scale: 'log' });
  expect(textsOf(light)).toEqual(textsOf(dark));
  expect(textsOf(light)).toEqual(
    expect.arrayContaining([
      'A read',
      'beside &lt;peers&gt; &amp; the floor',
      'node:http',
      'Keyfall',
      '1.07',
      '61,000',
      'goal 1.1',
      '10k',
    ]),
  );
  expect(light).not.toBe(dark);
});

test('the same figures give the same bytes, whatever was drawn before', async () => {
  const first = await bars(reads);
  const curve = {
    name: 'steady',
    points: [
      [10, 0.03],
      [100_000, 333],
    ],
  } as const;
  await lines({
    title: 'Requests',
    x: { title: 'instances', scale: 'log' },
    y: { title: 'requests / s' },
    series: [curve],
  });
  expect(await bars(reads)).toEqual(first);
  expect(first.light).not.toMatch(/(?: d| transform| x)="[^"]*\.\d{3}/);
});

test('lines have a legend where there is more than one', async () => {
  const points = [
    [10, 0.03],
    [100_000, 333],
  ] as const;
  const axes = {
    title: 'Requests',
    x: { title: 'instances', scale: 'log' },
    y: { title: 'requests / s', scale: 'log' },
  } as const;
  const one = await lines({ ...axes, series: [{ name: 'steady', points }] });
  expect(textsOf(one.light)).not.toContain('steady');
  const two = await lines({
    ...axes,
    series: ['steady', 'recovery'].map((name) => ({ name, points })),
  });
  expect(textsOf(two.light)).toEqual(
    expect.arrayContaining(['steady', 'recovery', '0.01', '100k']),
  );
});

test('a page shows the version that fits it, and escapes what the picture shows', () => {
  expect(picture('pictures/read', 'a < b & "c"')).toBe(
    '<picture><source media="(prefers-color-scheme: dark)" srcset="pictures/read-dark.svg"><img alt="a &lt; b &amp; &quot;c&quot;" src="pictures/read-light.svg"></picture>',
  );
});

test('a plot is written as two files beside each other', async () => {
  const { folder, remove } = await temporaryFolder();
  try {
    writePlot(join(folder, 'read'), { light: '<svg/>\n', dark: '<svg fill="white"/>\n' });
    expect(readFileSync(join(folder, 'read-light.svg'), 'utf8')).toBe('<svg/>\n');
    expect(readFileSync(join(folder, 'read-dark.svg'), 'utf8')).toBe('<svg fill="white"/>\n');
  } finally {
    await remove();
  }
});
