/**
 * What may be shown of a schema's messages. They quote the value that was refused (`Received "…"`),
 * or what became of it: its length, a part, its base64. No search for the value finds all of these,
 * so a message of the real run is never shown. The schema is run again on made-up texts instead, and
 * what is shown is taken from those runs, which never saw a secret: what a message says alike of two
 * unlike texts, if the real message says it too.
 */
import type { StandardSchemaV1 } from './standard-schema.ts';

/**
 * Pairs of texts that are wrong in the same way, for one kind of setting or another. The two of a pair
 * differ in their first and last characters and in the first and last digits of their lengths: what
 * two messages have in common at an end comes from neither text.
 */
const lookalikes: readonly (readonly [string, string])[] = [
  ['?', '!-!'],
  ['888888888888888', '777777777'],
  ['0.5', '22.7'],
  ['0', '-7'],
  ['ftp://a.example/q', 'http://b.invalid:9000/x.'],
  ['x'.repeat(5_003), 'Yz'.repeat(345)],
];

/** What a schema says, and where. */
export interface SchemaMessage {
  readonly text: string;
  /** Where it is in what the schema was given; the first of it is the name. */
  readonly path: readonly (string | number)[];
}

/** Messages by the name that they are about; those about no one name are under `''`. */
type Messages = ReadonlyMap<string, readonly SchemaMessage[]>;

/** What a schema says of made-up texts, in pairs. */
export type Rehearsal = readonly (readonly [Messages, Messages])[];

/** Sorts issues by name. */
export function messagesOf(
  issues: readonly StandardSchemaV1.Issue[],
): Map<string, SchemaMessage[]> {
  const messages = new Map<string, SchemaMessage[]>();
  for (const { path: segments = [], message: text } of issues) {
    const path = segments.map((segment) => {
      const key = typeof segment === 'object' ? segment.key : segment;
      return typeof key === 'number' ? key : String(key);
    });
    const name = String(path[0] ?? '');
    messages.set(name, [...(messages.get(name) ?? []), { text, path }]);
  }
  return messages;
}

/**
 * Runs a schema on made-up texts under `names`.
 * @param issuesOf - the issues of one run; must not throw
 */
export function rehearse(
  names: readonly string[],
  issuesOf: (values: object) => readonly StandardSchemaV1.Issue[],
): Rehearsal {
  const run = (text: string) => {
    const values: Record<string, string> = Object.create(null);
    for (const name of names) values[name] = text;
    return messagesOf(issuesOf(values));
  };
  return lookalikes.map(([one, other]) => [run(one), run(other)]);
}

/**
 * What may be shown of a message: a text that a rehearsal gave for `name`, with `…` where it depends
 * on the value, and of its path what that rehearsal says alike.
 */
export function showable(
  { text: message }: SchemaMessage,
  name: string,
  rehearsal: Rehearsal,
): SchemaMessage {
  const path = name ? [name] : [];
  if (!message) return { text: 'the schema threw an error, or gave no reason', path };
  for (const [one, other] of rehearsal)
    for (const a of one.get(name) ?? [])
      for (const b of other.get(name) ?? []) {
        const [head, tail] = templateOf(a.text, b.text);
        const isIt =
          tail === undefined
            ? message === head
            : head.length + tail.length > 9 && message.startsWith(head) && message.endsWith(tail);
        if (!isIt) continue;
        const text = tail === undefined ? head : `${head}…${tail}`;
        const differs = a.path.findIndex((part, index) => part !== b.path[index]);
        return {
          // one line, without the name that some libraries begin with
          text: text
            .slice(text.startsWith(`${name} `) ? name.length : 0)
            .replace(/[\s\p{Cc}]+/gu, ' ')
            .trim(),
          path: differs < 0 ? a.path : a.path.slice(0, differs),
        };
      }
  return { text: 'what the schema says is not shown, since it may quote the value', path };
}

/** A text that depends on nothing, or head and tail of one that does. */
function templateOf(a: string, b: string): readonly [string, string?] {
  if (a === b) return [a];
  let same = 0;
  while (same < a.length && a[same] === b[same]) same += 1;
  // only whole words: the rest of one may be what two encoded texts happen to share
  const head = a.slice(0, same).replace(/[^\s"'`([{<]+$/, '');
  same = 0;
  const longest = Math.min(a.length, b.length) - head.length;
  while (same < longest && a.at(-1 - same) === b.at(-1 - same)) same += 1;
  return [head, a.slice(a.length - same).replace(/^[^\s"'`)\]}>]+/, '')];
}
