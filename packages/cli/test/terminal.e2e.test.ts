/**
 * With a real terminal: what is asked, what is not shown, and who gets a Ctrl-C.
 */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { sharedVaultServer, startVaultServer, type VaultServer } from '@keyfall/testkit';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { errorPage } from '../src/terminal/error-page.ts';
import { ageKey, bin, folderWith, install, keyfall } from './keyfall.ts';
import { onTerminal, type Step, typing } from './on-terminal.ts';

/** What is typed at the shell: keyfall, built as it is. */
const keyfallHere = `${process.execPath} ${bin}`;

let server: VaultServer;
let mount: string;
let env: Record<string, string>;
beforeAll(async () => {
  server = await sharedVaultServer();
  mount = await server.mountKv({ version: 2 });
  env = {
    USE_VAULT: 'true',
    VAULT_ADDR: server.address,
    VAULT_TOKEN: server.token,
    VAULT_MOUNT_POINT: mount,
  };
});

test('set asks for the value, and does not show it', async () => {
  const cwd = await folderWith();
  const shop = { ...env, VAULT_SECRET_PATH: 'asked' };
  const result = await onTerminal(['set', 'TOKEN'], [['Value of TOKEN', 'canary-77\r']], {
    cwd,
    env: shop,
  });
  expect(result.code).toBe(0);
  expect(result.output).toContain('stored TOKEN in vault');
  expect(result.output).not.toContain('canary-77');
  const { body } = await server.request('GET', `${mount}/data/asked`);
  expect(body.data).toMatchObject({ data: { TOKEN: 'canary-77' } });
});

test.each([
  ['Ctrl-C', '\x03'],
  ['Ctrl-D', '\x04'],
  ['Ctrl-D after a part of it', 'canary-78\x04'],
  ['Esc', '\x1b'],
])('%s takes the question back, and nothing is stored', async (_, keys) => {
  const cwd = await folderWith();
  const result = await onTerminal(['set', 'TOKEN'], [['Value of TOKEN', keys]], { cwd });
  expect(result.code).toBe(130);
  const plainPastes = '\u001b[?2004l';
  const [, after = ''] = result.stdout.split(plainPastes);
  expect(after).toMatch(/^\r\nkeyfall: [^\r\n]+\r\n$/);
  expect(result.output).not.toContain('canary-78');
  expect(await readdir(cwd)).toEqual([]);
});

test('an error on a terminal leads to the page of its code, and one in a log is the message alone', async () => {
  const cwd = await folderWith('TOKEN=t\n');
  const shown = await onTerminal(['get', 'NOPE'], [], { cwd });
  expect(shown.code).toBe(1);
  expect(shown.stdout.trimEnd().split('\r\n').at(-1)).toBe(
    `More: ${errorPage('ERR_SECRET_NOT_FOUND')}`,
  );
  const logged = await keyfall(['get', 'NOPE'], { cwd });
  expect(logged.stderr).toMatch(/^keyfall: NOPE [^\n]+\n$/);
});

/** As long as a key of 2048 bits. */
const pem = `-----BEGIN KEY-----\n${`canary+${'A'.repeat(57)}\n`.repeat(40)}-----END KEY-----\n`;
const pasted = (text: string) => `\u001b[200~${text.replaceAll('\n', '\r')}\u001b[201~`;

describe('what is pasted is stored as a whole or not at all', () => {
  test.each([
    ['a tab in a line', ['a\tb\r'], 'a\tb'],
    ['a line with its end', ['one line\r\n'], 'one line'],
    ['a line that is corrected', ['abx\u007fc 🔑\u007f\u0017\u0015ключ\r'], 'ключ'],
    ['a key in several lines', [pasted(pem), '\r'], pem.trimEnd()],
    ['and in parts', [...parts(pasted(`\t${pem}\n`), 512), '\r'], `\t${pem}`],
    ['between what is typed', ['a', '\u001b[200~b\r\nc\u001b[201~', 'd', '\r'], 'ab\ncd'],
  ])('%s', async (_, typed, value) => {
    const cwd = await folderWith();
    const path = `pasted-${typed.length}-${value.length}`;
    const [first = '', ...rest] = typed;
    const result = await onTerminal(
      ['set', 'KEY'],
      [['Value of KEY', first], ...rest.map((part) => ['', part] as const)],
      { cwd, env: { ...env, VAULT_SECRET_PATH: path } },
    );
    expect(result).toMatchObject({ code: 0, output: expect.stringContaining('stored KEY in') });
    expect(result.output).not.toContain('canary');
    const { body } = await server.request('GET', `${mount}/data/${path}`);
    expect(body.data).toMatchObject({ data: { KEY: value } });
  });

  test.each([
    ['a key whose line ends are those of Enter', parts(pem.replaceAll('\n', '\r'), 512)],
    ['at once', ['echo canary-1\recho canary-2\r']],
    ['with line feeds', ['echo canary-1\necho canary-2\n']],
    ['with both', ['echo canary-1\r\necho canary-2\r\n']],
    ['the second with those marks', ['echo canary-1\r', pasted('echo canary-2\n')]],
    ['with a Ctrl-C in it', ['echo canary-1\u0003\recho canary-2\r']],
    ['with a control character in it', ['echo canary-1\u0001\recho canary-2\r']],
  ])(
    'several lines without its marks, and the shell gets none: %s',
    async (_, [first = '', ...rest]) => {
      const cwd = await folderWith();
      const result = await typing(
        ['sh', '-i'],
        [
          ['', `PS1='> '; ${keyfallHere} set KEY; echo code $?\n`],
          ['Value of KEY', first],
          ...rest.map((part) => ['', part] as const),
          ['code ', ''],
          ['> ', 'exit 5\n'],
        ],
        { cwd },
      );
      expect(result.output).toMatch(/code (2|130)\r\n> exit 5\r\n/);
      expect(result.output).not.toContain('canary');
      expect(result.code).toBe(5);
      expect(await readdir(cwd)).toEqual([]);
    },
  );
});

test('set says where a value goes before it is typed, if only a .env says so', async () => {
  const cwd = await folderWith(
    'USE_VAULT=true\nVAULT_ADDR=http://127.0.0.1:9\nVAULT_TOKEN=theirs\nVAULT_SECRET_PATH=shop\n',
  );
  const steps: Step[] = [
    ['the value goes to vault', ''],
    ['Value of TOKEN', '\u0003'],
  ];
  const { code, stdout } = await onTerminal(['set', 'TOKEN'], steps, { cwd });
  expect(code).toBe(130);
  expect(stdout).toMatch(/keyfall: [^\r\n]+\r\n$/);
});

test('a key that is not text does nothing', async () => {
  const cwd = await folderWith();
  const result = await onTerminal(
    ['set', 'KEY'],
    [
      ['Value of KEY', 'a'],
      ['*', '\u001b[D'],
      ['*', '\u001bOA\u001b[3~\u0001'],
      ['*', '\u001b['],
      ['*', 'b\r'],
    ],
    { cwd },
  );
  expect(result.code).toBe(0);
  expect(await readFile(join(cwd, '.env'), 'utf8')).toBe('KEY=a\n');
});

test('a shell stops the question with Ctrl-Z, and goes on with fg', async () => {
  const cwd = await folderWith();
  const result = await typing(
    ['sh', '-i', '-m'],
    [
      ['', `PS1='> '; ${keyfallHere} set KEY; echo code $?\n`],
      ['Value of KEY', 'canary-'],
      ['*******', '\x1a'],
      ['Stopped', 'fg\n'],
      ['Value of KEY', '1\r'],
      ['stored KEY', ''],
      ['> ', 'exit 5\n'],
    ],
    { cwd },
  );
  expect(result.code).toBe(5);
  expect(result.output).not.toContain('canary');
  expect(await readFile(join(cwd, '.env'), 'utf8')).toBe('KEY=canary-1\n');
});

test('a terminal of unknown size has questions, masks and tables as one of 80 columns', async () => {
  const cwd = await folderWith();
  const shop = { ...env, VAULT_SECRET_PATH: 'sizeless' };
  const set = await onTerminal(['set', 'TOKEN'], [['Value of TOKEN', 'canary\r']], {
    cwd,
    env: shop,
    columns: 0,
  });
  expect(set.output).toContain('\r\u001b[K******\u001b');
  await writeFile(join(cwd, '.env'), 'A=1\n');
  const migrate = await onTerminal(['migrate'], [['Write 1 name to', '\r']], {
    cwd,
    env: shop,
    columns: 0,
  });
  expect(migrate).toMatchObject({
    code: 130,
  });
  const asked = ['Where are the secrets?', 'AWS Secrets Manager', '\u0003'] as const;
  const init = await onTerminal(
    ['init'],
    [
      [asked[0], ''],
      [asked[1], asked[2]],
    ],
    {
      cwd,
      columns: 0,
    },
  );
  expect(init.code).toBe(130);
});

test('migrate asks, and changes nothing on a no', async () => {
  const cwd = await folderWith('A=1\n');
  const shop = { ...env, VAULT_SECRET_PATH: 'declined' };
  const no = await onTerminal(['migrate'], [['Write 1 name to', '\r']], { cwd, env: shop });
  expect(no.code).toBe(130);
  expect(await readdir(cwd)).toEqual(['.env']);
  const yes = await onTerminal(['migrate'], [['Write 1 name to', 'y']], { cwd, env: shop });
  expect(yes.code).toBe(0);
  // the plan, a bar over the steps, and what to do next
  expect(yes.output).toMatch(/\.env \(1 name\) -> vault \(.*\)\r\n {2}A {2}\S.*\r\n/);
  for (const [bar, step] of [
    ['....................', 'Backing up .env'],
    ['#######.............', 'Writing 1 name to vault'],
    ['#############.......', 'Reading it back and comparing'],
  ])
    expect(yes.output).toContain(`[${bar}] ${step}`);
  for (const next of [
    /USE_VAULT=true .*--activate/,
    /\.env\.backup\.\w+ .*git/,
    '--purge',
    /keyfall migrate --restore \.env\.backup\.\w+/,
  ])
    expect(yes.output).toMatch(next);
  const { body } = await server.request('GET', `${mount}/data/declined`);
  expect(body.data).toMatchObject({ data: { A: '1' } });
});

test.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)(
  '%s from outside takes a question of migrate back, and shows the cursor again',
  async (signal, code) => {
    const cwd = await folderWith('A=1\nB=2\n');
    await server.request('POST', `${mount}/data/stopped-${code}`, { data: { A: 'x', B: 'y' } });
    for (const [path, question] of [
      [`new-${code}`, 'Write 2 names to'],
      [`stopped-${code}`, 'holds other values for 2 names'],
    ] as const) {
      const shop = { ...env, VAULT_SECRET_PATH: path };
      const result = await onTerminal(['migrate'], [[question, { signal }]], { cwd, env: shop });
      expect(result.code).toBe(code);
      expect(result.stdout).toMatch(/keyfall: [^\r\n]+\r\n$/);
      const [shown = 0, hidden = 0] = ['\u001b[?25h', '\u001b[?25l'].map((each) =>
        result.stdout.lastIndexOf(each),
      );
      expect(shown).toBeGreaterThan(hidden);
    }
    expect(await readdir(cwd)).toEqual(['.env']);
  },
);

test.each([
  ['set', ['set', 'A'], 'paste it whole', '\u001b[?2004h', '\u001b[?2004l'],
  ['init', ['init'], 'Where are the secrets?', '\u001b[?25l', '\u001b[?25h'],
])(
  'a signal from outside takes a question of %s back, and leaves the terminal as it was',
  async (_, args, question, on, off) => {
    for (const [signal, code] of [
      ['SIGTERM', 143],
      ['SIGHUP', 129],
      ['SIGQUIT', 131],
    ] as const) {
      const cwd = await folderWith('A=1\n');
      const result = await onTerminal(args, [[question, { signal }]], { cwd });
      expect(result.code).toBe(code);
      expect(result.stdout).toContain(on);
      expect(result.stdout.lastIndexOf(off)).toBeGreaterThan(result.stdout.lastIndexOf(on));
      expect(await readdir(cwd)).toEqual(['.env']);
      expect(await readFile(join(cwd, '.env'), 'utf8')).toBe('A=1\n');
    }
  },
);

describe('names that the store holds with another value are asked about', () => {
  const down = '\x1b[B';

  async function conflicting(path: string) {
    await server.request('POST', `${mount}/data/${path}`, {
      data: { A: 'canary-a', B: 'canary-b' },
    });
    return { cwd: await folderWith('A=1\nB=2\nC=3\n'), env: { ...env, VAULT_SECRET_PATH: path } };
  }

  async function stored(path: string): Promise<unknown> {
    return (await server.request('GET', `${mount}/data/${path}`)).body.data?.['data'];
  }

  test('one by one, and each answer counts', async () => {
    const shop = await conflicting('each');
    const result = await onTerminal(
      ['migrate'],
      [
        ['holds other values for 2 names', '\r'],
        ['A has another value', '\r'],
        ['B has another value', `${down}\r`],
        ['Write 2 names to', 'y'],
      ],
      shop,
    );
    expect(result).toMatchObject({ code: 0, output: expect.stringContaining('CONFLICT') });
    expect(result.output).not.toContain('canary');
    expect(await stored('each')).toEqual({ A: 'canary-a', B: '2', C: '3' });
  });

  test('all at once, with one answer', async () => {
    const shop = await conflicting('all');
    const result = await onTerminal(
      ['migrate'],
      [
        ['holds other values for 2 names', `${down}${down}\r`],
        ['Write 3 names to', 'y'],
      ],
      shop,
    );
    expect(result.code).toBe(0);
    expect(await stored('all')).toEqual({ A: '1', B: '2', C: '3' });
  });

  test('and a user who stops there has changed nothing', async () => {
    const shop = await conflicting('stop');
    const result = await onTerminal(['migrate'], [['holds other values', '\x03']], shop);
    expect(result.code).toBe(130);
    expect(await readdir(shop.cwd)).toEqual(['.env']);
    expect(await stored('stop')).toEqual({ A: 'canary-a', B: 'canary-b' });
  });

  test('and a token that may not replace them is refused at once', async () => {
    const { cwd, env } = await conflicting('denied');
    const policy = await server.createPolicy(
      `path "${mount}/data/denied" { capabilities = ["read"] }`,
    );
    const { token } = await server.createToken({ policies: [policy] });
    const result = await onTerminal(
      ['migrate', '--select', 'A'],
      [['A has another value', `${down}\r`]],
      { cwd, env: { ...env, VAULT_TOKEN: token } },
    );
    expect(result.code).toBe(4);
    expect(await readdir(cwd)).toEqual(['.env']);
  });

  test('unless --on-conflict has the answer, or --yes forbids the question', async () => {
    const shop = await conflicting('unasked');
    for (const args of [['--on-conflict', 'fail'], ['--yes']]) {
      const result = await onTerminal(['migrate', ...args], [], shop);
      expect(result).toMatchObject({
        code: 1,
        output: expect.stringMatching(/vault \([\s\S]*\bA\s+and\s+B\b/),
      });
    }
  });
});

test('a wait for a slow store is shown with its reason, and a Ctrl-C ends it', async () => {
  const slow = await startVaultServer({ external: false });
  onTestFinished(() => slow.stop());
  await slow.pause();
  const cwd = await folderWith('A=1\n');
  await install(cwd, '@keyfall/provider-sops');
  const down = { ...env, VAULT_ADDR: slow.address, VAULT_SECRET_PATH: 'slow' };
  for (const [args, shown] of [
    [['migrate'], `reading vault (${slow.address}`],
    [['migrate', '--from', 'vault', '--to', 'dotenv:b.env'], 'reading what is to be moved'],
    [['snapshot', '--recipient', ageKey.recipient], 'asking each provider'],
  ] as const) {
    const { code } = await onTerminal(args, [[shown, '\u0003']], { cwd, env: down });
    // Python's driver tells a signal as its negative number
    expect([130, 256 - 2]).toContain(code);
  }
  await slow.resume();
});

test.each([
  ['as on its own', []],
  ['also where we stay beside it', ['--kill-after', '1m']],
])('a Ctrl-C reaches the program once, %s', async (_, options) => {
  const cwd = await folderWith();
  const script = `
import signal, sys, time
count = 0
def interrupted(*_):
    global count
    count += 1
signal.signal(signal.SIGINT, interrupted)
print("ready", sys.stdin.isatty(), flush=True)
while count == 0:
    time.sleep(0.01)
time.sleep(0.3)
print("interrupted", count, flush=True)
sys.exit(7)
`;
  await writeFile(join(cwd, 'count.py'), script);
  const args = ['run', ...options, '--', 'python3', 'count.py'];
  const result = await onTerminal(args, [['ready True', '\x03']], { cwd });
  expect(result.output).toContain('interrupted 1');
  expect(result.code).toBe(7);
});

test.each([
  ['as on its own', ''],
  ['also where we stay beside it', '--kill-after 1m '],
])('a shell stops it with Ctrl-Z and goes on with fg, one job, %s', async (_, options) => {
  // reads no terminal before it goes on: who does as Ctrl-Z comes may take the next line before it stops
  // twice it is told to go on, by the shell and by us: the second one would end a read in the middle of a line
  const script = `trap 'on=1' CONT
echo ready
until [ "$on" ]; do sleep 0.05; done
sleep 1
echo going
until [ "$line" ]; do read line; done
echo "got $line"
`;
  const cwd = await folderWith();
  await writeFile(join(cwd, 'job.sh'), script);
  const result = await typing(
    ['sh', '-i', '-m'],
    [
      ['', `PS1='> '; ${keyfallHere} run ${options}-- sh job.sh; echo code $?\n`],
      ['ready\r\n', '\x1a'],
      ['Stopped', 'fg\n'],
      ['going\r\n', 'typed\n'],
      ['got typed\r\n', ''],
      ['> ', 'exit 5\n'],
    ],
    { cwd },
  );
  expect(result.code).toBe(5);
  // stopped by signal 20
  expect(result.output).toMatch(/code 148.*fg\r\n.*got typed\r\n/s);
});

test.each([
  [
    'Python',
    ['python3', '-c', 'import sys; print(sys.stdin.isatty(), sys.stdout.isatty()); input()'],
    'True True',
  ],
  [
    'Node',
    [
      process.execPath,
      '-e',
      'console.log(process.stdin.isTTY, process.stdout.columns); process.stdin.once("data", () => process.exit())',
    ],
    'true 120',
  ],
])('%s has the terminal, and its size', async (_, command, shown) => {
  const cwd = await folderWith();
  const result = await onTerminal(['run', '--', ...command], [[shown, '\n']], { cwd });
  expect(result).toMatchObject({ code: 0, output: expect.stringContaining(shown) });
});

test('with --redact it has stdin still, and what it prints is masked', async () => {
  const cwd = await folderWith('TOKEN=canary-88-secret\n');
  const script = 'test -t 0 && echo "tty $TOKEN"; read x; echo "<$x>"';
  const result = await onTerminal(
    ['run', '--redact', '--', 'sh', '-c', script],
    [['tty [redacted]', 'typed\n']],
    { cwd },
  );
  expect(result.code).toBe(0);
  expect(result.output).toContain('<typed>');
  expect(result.output).not.toContain('canary');
});

/** A text in parts of this length, as a terminal hands over a long paste. */
function parts(text: string, length: number): string[] {
  return Array.from({ length: Math.ceil(text.length / length) }, (_, at) =>
    text.slice(at * length, (at + 1) * length),
  );
}

describe('on a narrow terminal', () => {
  const columns = 60;
  /** Each line as it was when the cursor left it, and each state of one that is drawn over. */
  const drawn = (screen: string) =>
    stripVTControlCharacters(screen.replaceAll('\r\u001b[K', '\n')).split(/\r?\n/);
  /** Lines that the terminal had to break, and that have more in them than one word or one command. */
  const broken = (screen: string) =>
    drawn(screen).filter((line) => line.length > columns && !/^\s*(?:\S+|keyfall .*)$/.test(line));

  test('no bar is left behind, and no line ends in the middle of a word', async () => {
    const cwd = await folderWith('TOKEN=1\nDB_PASS=2\n');
    const options = { cwd, env: { ...env, VAULT_SECRET_PATH: 'narrow' }, columns };
    const migrated = await onTerminal(['migrate', '--yes', '--activate'], [], options);
    expect(migrated.code).toBe(0);
    const bars = drawn(migrated.stdout).filter((line) => line.startsWith('['));
    expect(bars.length).toBeGreaterThan(2);
    for (const bar of bars) expect(bar.length).toBeLessThan(columns);
    for (const args of [
      ['explain'],
      ['explain', 'TOKEN'],
      ['get', 'NO_SUCH_NAME_AT_ALL'],
      ['set'],
      ['migrate', '--restore', 'no-such-backup'],
      ['migrate', '--to', 'nowhere', '--yes'],
      ['run', '--only', 'NONE', '--', 'true'],
      ['--profile', 'prod', 'list'],
    ]) {
      const { stdout } = await onTerminal(args, [], options);
      expect({ args, broken: broken(stdout) }).toEqual({ args, broken: [] });
    }
    expect(broken(migrated.stdout)).toEqual([]);
  });
});

test('explain says once what is the same of many names', async () => {
  const names = Array.from({ length: 35 }, (_, at) => `NAME_${at}`);
  const cwd = await folderWith(names.map((name) => `${name}=1\n`).join(''));
  const { stdout } = await keyfall(['explain'], { cwd });
  expect(stdout.split('\n')).toHaveLength(3);
  for (const name of names) expect(stdout).toContain(name);
  expect(stdout).toMatch(/: from dotenv \(\.env\)\n {2}1\. dotenv \(\.env\) holds it\n$/);
});

test.each([
  [['--purge'], /remove 2 values from \.env \(no other stays\)\?/],
  [['--purge', '--select', 'A'], /remove 1 value from \.env \(B stays\)\?/],
  [['--activate', '--purge'], /set USE_VAULT=true in \.env and remove 2 values from it/],
  [['--activate'], /and set USE_VAULT=true in \.env\?/],
])('migrate %j asks with what becomes of the file', async (options, question) => {
  const cwd = await folderWith('A=1\nB=2\n');
  const settings = { ...env, USE_VAULT: 'false', VAULT_SECRET_PATH: 'asked' };
  const { code, stdout } = await onTerminal(['migrate', ...options], [['Write ', 'n']], {
    cwd,
    env: settings,
    columns: 200,
  });
  expect({ code, stdout }).toMatchObject({ code: 130, stdout: expect.stringMatching(question) });
});
