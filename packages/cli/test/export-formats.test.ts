import { execFileSync } from 'node:child_process';
import { inspectDotenv } from '@keyfall/provider-dotenv/edit';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parse as parseYaml } from 'yaml';
import { anyCharacter } from '../../../test/any-character.ts';
import { type ExportFormat, exportFormats, formatSecrets } from '../src/commands/export-formats.ts';

const format = (kind: ExportFormat, values: Record<string, string>, named: string[] = []) =>
  formatSecrets(kind, new Map(Object.entries(values)), new Set(named));

const awkward = {
  EMPTY: '',
  QUOTES: `it's "quoted"`,
  SEVERAL_LINES: 'first\nsecond\n',
  DOLLAR: '$HOME `id` $(id) \\n \\',
  SPACES: '  both ends  ',
  HASH: 'a # b',
  YAML: 'no',
  TIME: '1:30',
  UNICODE: 'ünïcödé 🔑',
};

/** Each format as its reader reads it. */
const readers: Readonly<
  Record<
    Exclude<ExportFormat, 'shell'>,
    (text: string) => ReadonlyMap<string, string> | Promise<ReadonlyMap<string, string>>
  >
> = {
  dotenv: async (text) => (await inspectDotenv(text)).values,
  json: (text) => new Map(Object.entries(JSON.parse(text))),
  yaml: (text) => parseYaml(text, { mapAsMap: true }),
  // cli/opts/file.go of docker: bufio.ScanLines, then the text before the first = and that behind it
  docker: (text) =>
    new Map(
      text
        .split('\n')
        .slice(0, -1)
        .map((line) => {
          const [, name = '', value = ''] = /^(.*?)=(.*)$/s.exec(line.replace(/\r$/, '')) ?? [];
          return [name.trimStart(), value];
        }),
    ),
  // src/Runner.Worker/FileCommandManager.cs of GitHub's runner: up to the line that is the delimiter
  github: (text) => {
    const read = new Map<string, string>();
    const lines = text.split('\n');
    for (let at = 0; at < lines.length - 1; at++) {
      const [, name = '', end = ''] = /^(.*?)<<(.*)$/s.exec(lines[at] ?? '') ?? [];
      const to = lines.indexOf(end, at + 1);
      read.set(name, lines.slice(at + 1, to).join('\n'));
      at = to;
    }
    return read;
  },
};

test('names are sorted and the text ends with a line end', async () => {
  expect(await format('shell', { B: '2', A: '1' })).toBe("export A='1'\nexport B='2'\n");
  for (const kind of exportFormats) expect(await format(kind, { A: '1' })).toMatch(/\n$/);
});

describe('each format gives the values back to its own reader', () => {
  test('dotenv', async () => {
    const { values } = await inspectDotenv(await format('dotenv', awkward));
    expect(Object.fromEntries(values)).toEqual(awkward);
  });

  test('dotenv, where a quote of one name would reach into the next', async () => {
    const quotes = { A: "'", B: '"', C: '`', D: "it's", E: "'x", F: `"'`, G: "x'\ny" };
    const { values } = await inspectDotenv(await format('dotenv', quotes));
    expect(Object.fromEntries(values)).toEqual(quotes);
  });

  test('dotenv, not what a shell would run that sources the file', async () => {
    for (const value of ["x'\ny`", "$(touch p)\nl'2"])
      await expect(format('dotenv', { G: value })).rejects.toMatchObject({
        code: 'ERR_SECRET_UNSUPPORTED',
        secretName: 'G',
      });
  });

  test('json', async () => {
    expect(JSON.parse(await format('json', awkward))).toEqual(awkward);
  });

  test('yaml, for readers of version 1.1 and 1.2', async () => {
    const text = await format('yaml', { ...awkward, on: 'off', '1_0': '1' });
    for (const version of ['1.1', '1.2'] as const)
      expect(parseYaml(text, { version })).toEqual({ ...awkward, on: 'off', '1_0': '1' });
  });

  test('shell', async () => {
    const script = `${await format('shell', awkward)}env -0`;
    const printed = execFileSync('sh', ['-c', script], {
      encoding: 'utf8',
      env: { PATH: process.env['PATH'] },
    });
    const env = Object.fromEntries(
      printed.split('\0').map((pair) => [pair.split('=')[0], pair.slice(pair.indexOf('=') + 1)]),
    );
    expect(env).toMatchObject(awkward);
  });

  test('docker', async () => {
    const { SEVERAL_LINES: _, ...oneLine } = awkward;
    const text = await format('docker', oneLine);
    const pairs = text.split('\n').filter((line) => line !== '');
    expect(Object.fromEntries(pairs.map((line) => line.split(/=(.*)/s).slice(0, 2)))).toEqual(
      oneLine,
    );
  });

  test('github', async () => {
    const text = await format('github', awkward);
    const read: Record<string, string> = {};
    for (const [, name, , value] of text.matchAll(/^(\w+)<<(KEYFALL_[\w-]+)\n(.*?)\n\2$/gms))
      read[name ?? ''] = value ?? '';
    expect(read).toEqual(awkward);
  });

  /** Every character up to U+024F but NUL, each by itself, at both ends, and all of them together. */
  const characters = Array.from({ length: 0x24f }, (_, code) => String.fromCharCode(code + 1));
  const every = new Map(
    [...characters, '\u2028', '\ufeff', '\uffff', '\u{1f511}', characters.join('')].flatMap(
      (text, index) => [
        [`A${index}`, text],
        [`B${index}`, `x${text}y`],
        [`C${index}`, `${text}\n${text}`],
      ],
    ),
  );

  test('shell holds every character, in sh and in bash', async () => {
    const script = `${await formatSecrets('shell', every)}env -0`;
    for (const shell of ['sh', 'bash']) {
      const printed = execFileSync(shell, ['-s'], {
        encoding: 'utf8',
        input: script,
        env: { PATH: process.env['PATH'] },
      });
      const pairs = printed.split('\0').map((pair) => /^(.*?)=(.*)$/s.exec(pair)?.slice(1) ?? []);
      const read = new Map(pairs as [string, string][]);
      for (const [name, value] of every) expect(read.get(name)).toBe(value);
    }
  });

  test('every other format holds a value as it is, or refuses it', async () => {
    const refused: Record<string, number> = {};
    for (const kind of ['dotenv', 'docker', 'github', 'json', 'yaml'] as const) {
      const held = new Map<string, string>();
      let count = 0;
      for (const [name, value] of every)
        await formatSecrets(kind, new Map([[name, value]])).then(
          () => held.set(name, value),
          () => count++,
        );
      refused[kind] = count;
      const text = await formatSecrets(kind, held);
      expect(await readers[kind](text)).toEqual(held);
    }
    // docker: more than one line. dotenv: all three quotes in one value, or a line end it would change
    expect(refused).toMatchObject({ github: 0, json: 0, yaml: 0 });
    expect(refused['dotenv']).toBeLessThan(20);
    expect(refused['docker']).toBeLessThan(every.size / 2);
  });

  test('json and yaml hold every name and value', async () => {
    const text = fc.oneof(
      fc.string({ unit: 'grapheme' }),
      fc.string({ unit: anyCharacter }).filter((each) => each.isWellFormed()),
      fc.string({
        unit: fc.constantFrom(
          ...'a:#\'"\\\0\x07\n\r\t\x7f\x85\x9f\u2028\ufeff\ufffe\uffff -?&*!|>%@`',
        ),
      }),
      fc.constantFrom(
        'y',
        'No',
        'NULL',
        '~',
        '1_0',
        '0o7',
        '1:30',
        '<<',
        '=',
        '__proto__',
        'x'.repeat(3_000),
      ),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(text, text)), async (pairs) => {
        const values = new Map(pairs);
        const sorted = [...values].sort(([a], [b]) => (a < b ? -1 : 1));
        expect(new Map(Object.entries(JSON.parse(await formatSecrets('json', values))))).toEqual(
          new Map(sorted),
        );
        const yaml = await formatSecrets('yaml', values);
        // c-printable of YAML 1.2.2, 5.1, which stricter readers keep to
        expect(yaml).toMatch(/^[\t\n\r -~\xa0-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]*$/u);
        for (const version of ['1.1', '1.2'] as const)
          expect(parseYaml(yaml, { mapAsMap: true, version })).toEqual(new Map(sorted));
      }),
    );
  });
});

describe('what a format cannot hold is refused by name, and the value not shown', () => {
  test.each([
    ['docker', 'A', 'canary\n'],
    ['docker', 'A', 'canary\r'],
    ['docker', 'A', 'canary'.repeat(11_000)],
    ['docker', '#A', 'canary'],
    ['docker', 'A B', 'canary'],
    ['shell', 'UID', 'canary'],
    ['shell', 'path', 'canary'],
    ['shell', 'A-B', 'canary'],
    ['shell', 'A', 'canary\0'],
    ['shell', 'LD_PRELOAD', 'canary'],
    ['github', 'GITHUB_TOKEN', 'canary'],
    ['github', 'A.B', 'canary'],
    ['github', 'NODE_OPTIONS', 'canary'],
    ['dotenv', 'A B', 'canary'],
    ['dotenv', 'A', 'canary\'"`#\r\\n'],
    ['json', 'A', 'canary\uD800'],
  ] as const)('%s: %j', async (kind, name, value) => {
    const refusal = await format(kind, { [name]: value, FINE: 'x' }).then(
      () => undefined,
      (error: Error & { code: string }) => error,
    );
    expect(refusal?.code).toMatch(/^ERR_SECRET_(CONFIG|UNSUPPORTED)$/);
    expect(refusal?.message).toContain(name);
    expect(refusal?.message).not.toContain('canary');
  });

  test('docker: a name that begins with what Go takes for white space', async () => {
    await expect(format('docker', { '\x85A': 'x' })).rejects.toThrow('white space');
  });

  test('a name that could take over a program is given if it was asked for', async () => {
    expect(await format('shell', { PATH: '/bin' }, ['PATH'])).toBe("export PATH='/bin'\n");
  });
});
