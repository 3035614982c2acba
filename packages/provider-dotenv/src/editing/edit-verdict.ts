/**
 * Whether an edited text of a `.env` reads as meant, by the reader that counts and by all others: an edit
 * for one program must not take a name away from another.
 */
import { isPlainText } from '../readers/read-dotenv.ts';
import type { Read, Reading } from '../readers/reading.ts';

/** A reader, for a person, and how it reads. */
export interface JudgedReader {
  readonly reader: string;
  readonly read: Read;
}

let loaded: Promise<readonly JudgedReader[]> | undefined;

/** All readers that there are here, python-dotenv in two ages. */
export function judgedReaders(): Promise<readonly JudgedReader[]> {
  loaded ??= (async () => {
    const [{ loadNpm }, { nodeReader }, python, { readAsCompose }, { readAsShell }] =
      await Promise.all([
        import('../readers/npm.ts'),
        import('../readers/node.ts'),
        import('../readers/python.ts'),
        import('../readers/compose.ts'),
        import('../readers/shell.ts'),
      ]);
    const node = nodeReader();
    return [
      { reader: 'npm', read: await loadNpm() },
      { reader: 'python', read: python.readAsPython },
      { reader: 'python before 1.2.4', read: python.readAsOlderPython },
      ...(node === undefined ? [] : [{ reader: 'node', read: node }]),
      { reader: 'compose', read: readAsCompose },
      { reader: 'shell', read: readAsShell },
    ];
  })();
  return loaded;
}

/** New values by name; `null`: the name is to be gone. */
export type Changes = ReadonlyMap<string, string | null>;

/**
 * What an edit comes to. `wrong`: the reader that counts does not read it as meant. `costly`: it does, and
 * another reader reads other names differently for it. `apart`: others read the changed names otherwise.
 * `alike`: all read it as meant.
 */
export interface Verdict {
  readonly kind: 'wrong' | 'costly' | 'apart' | 'alike';
  /** The readers that read other names differently for it. */
  readonly costly: readonly string[];
  /** The readers that read the changed names otherwise. */
  readonly apart: readonly string[];
  /** Of the changed names, those that they read otherwise. */
  readonly names: readonly string[];
}

const nobody = { costly: [], apart: [], names: [] };

/** Judges the edits of one text. */
export interface Judge {
  /** What the reader that counts reads before. */
  readonly before: Reading;
  judge(edited: string, changes: Changes): Promise<Verdict>;
}

/** Judges edits of one text by the reader that counts, and then by all others. */
export function judgeOf(text: string, own: JudgedReader): Judge {
  const before = own.read(text, {});
  let others: readonly { readonly judged: JudgedReader; readonly before: Reading }[] | undefined;
  return {
    before,
    async judge(edited, changes) {
      const after = own.read(edited, {});
      const isRead = after.refusal === undefined && unmeant(after, changes).length === 0;
      if (!isRead || !isKept(before, after, changes)) return { kind: 'wrong', ...nobody };
      if (isPlainText(edited)) return { kind: 'alike', ...nobody };
      others ??= (await judgedReaders())
        .filter(({ reader }) => reader !== own.reader)
        .map((judged) => ({ judged, before: judged.read(text, {}) }));
      const costly: string[] = [];
      const apart: string[] = [];
      const names = new Set<string>();
      for (const { judged, before: was } of others) {
        // a name that no shell has is a command to it
        if (judged.reader === 'shell' && !canBeShells(edited, changes)) continue;
        const now = judged.read(edited, {});
        const isLost =
          was.refusal === undefined && (now.refusal !== undefined || !isKept(was, now, changes));
        const other = now.refusal === undefined ? unmeant(now, changes) : [];
        if (isLost) costly.push(judged.reader);
        if (other.length > 0) apart.push(judged.reader);
        for (const name of other) names.add(name);
      }
      const kind = costly.length > 0 ? 'costly' : apart.length > 0 ? 'apart' : 'alike';
      return { kind, costly, apart, names: [...names] };
    },
  };
}

function canBeShells(text: string, changes: Changes): boolean {
  return !text.includes('\r') && [...changes.keys()].every((name) => /^[A-Za-z_]\w*$/.test(name));
}

/** Whether every name but the changed ones reads as before. */
function isKept(before: Reading, after: Reading, changes: Changes): boolean {
  for (const [name, value] of before.values)
    if (!changes.has(name) && after.values.get(name) !== value) return false;
  for (const name of before.unknown.keys())
    if (!changes.has(name) && !after.unknown.has(name)) return false;
  for (const name of after.values.keys())
    if (!changes.has(name) && !before.values.has(name)) return false;
  return true;
}

/** The changed names that do not read as meant. */
function unmeant({ values, unknown }: Reading, changes: Changes): string[] {
  const names: string[] = [];
  for (const [name, value] of changes)
    if (value === null ? values.has(name) || unknown.has(name) : values.get(name) !== value)
      names.push(name);
  return names;
}
