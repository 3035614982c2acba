/**
 * How the readers read an edited `.env`: the one that counts, and all others, since an edit for one program must not
 * take a name away from another.
 */
import { isPlainText } from '../readers/read-dotenv.ts';
import type { Read, Reading } from '../readers/reading.ts';

/** A reader with its name for people. */
export interface NamedReader {
  readonly reader: string;
  readonly read: Read;
}

let loaded: Promise<readonly NamedReader[]> | undefined;

/** All readers that are available here, python-dotenv in two versions. */
export function allReaders(): Promise<readonly NamedReader[]> {
  loaded ??= (async () => {
    const [{ readAsNpm }, { nodeReader }, python, { readAsCompose }, { readAsShell }] =
      await Promise.all([
        import('../readers/npm.ts'),
        import('../readers/node.ts'),
        import('../readers/python.ts'),
        import('../readers/compose.ts'),
        import('../readers/shell.ts'),
      ]);
    const node = nodeReader();
    return [
      { reader: 'npm', read: readAsNpm },
      { reader: 'python', read: python.readAsPython },
      { reader: 'python before 1.2.4', read: python.readAsOlderPython },
      ...(node === undefined ? [] : [{ reader: 'node', read: node }]),
      { reader: 'compose', read: readAsCompose },
      { reader: 'shell', read: readAsShell },
    ];
  })();
  return loaded;
}

/** New values by name; `null` removes the name. */
export type Changes = ReadonlyMap<string, string | null>;

/**
 * The effect of an edit. `wrong`: the reader that counts does not read it as intended. `costly`: it does, but another
 * reader then reads other names differently. `apart`: it does, but others read the changed names differently.
 * `alike`: all read it as meant.
 */
export interface EditEffect {
  readonly kind: 'wrong' | 'costly' | 'apart' | 'alike';
  /** The readers that read other names differently for it. */
  readonly costly: readonly string[];
  /** The readers that read the changed names differently. */
  readonly apart: readonly string[];
  /** Of the changed names, those that they read differently. */
  readonly names: readonly string[];
}

const noEffect = { costly: [], apart: [], names: [] };

/** Classifies the edits of one text. */
export interface EditClassifier {
  /** What the reader that counts reads before the edit. */
  readonly before: Reading;
  classify(edited: string, changes: Changes): Promise<EditEffect>;
}

/** Classifies edits of one text by the reader that counts, and then by all others. */
export function editClassifier(text: string, own: NamedReader): EditClassifier {
  const before = own.read(text, {});
  let others: readonly { readonly other: NamedReader; readonly before: Reading }[] | undefined;
  return {
    before,
    async classify(edited, changes) {
      const after = own.read(edited, {});
      const isRead = after.refusal === undefined && unmeant(after, changes).length === 0;
      if (!isRead || !isKept(before, after, changes)) return { kind: 'wrong', ...noEffect };
      if (isPlainText(edited)) return { kind: 'alike', ...noEffect };
      others ??= (await allReaders())
        .filter(({ reader }) => reader !== own.reader)
        .map((other) => ({ other, before: other.read(text, {}) }));
      const costly: string[] = [];
      const apart: string[] = [];
      const names = new Set<string>();
      for (const { other, before: was } of others) {
        // for a shell, a line with a name that it does not allow is a command
        if (other.reader === 'shell' && !canBeShells(edited, changes)) continue;
        const now = other.read(edited, {});
        const isLost =
          was.refusal === undefined && (now.refusal !== undefined || !isKept(was, now, changes));
        const misread = now.refusal === undefined ? unmeant(now, changes) : [];
        if (isLost) costly.push(other.reader);
        if (misread.length > 0) apart.push(other.reader);
        for (const name of misread) names.add(name);
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

/** The changed names that are not read as intended. */
function unmeant({ values, unknown }: Reading, changes: Changes): string[] {
  const names: string[] = [];
  for (const [name, value] of changes)
    if (value === null ? values.has(name) || unknown.has(name) : values.get(name) !== value)
      names.push(name);
  return names;
}
