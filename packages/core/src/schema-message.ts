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

/** Messages by the name they are about; those about no one name are under `''`. */
export type Messages = ReadonlyMap<string, readonly string[]>;

/** The name that an issue is about, `''` if it is about none. */
export function nameOf({ path }: StandardSchemaV1.Issue): string {
  const first = path?.[0];
  return first === undefined ? '' : String(typeof first === 'object' ? first.key : first);
}

/** Sorts issues by name. */
export function messagesOf(issues: readonly StandardSchemaV1.Issue[]): Messages {
  const messages = new Map<string, string[]>();
  for (const issue of issues) {
    const name = nameOf(issue);
    messages.set(name, [...(messages.get(name) ?? []), String(issue.message)]);
  }
  return messages;
}

/** What a schema says of made-up texts, in pairs. */
export type Rehearsal = readonly (readonly [Messages, Messages])[];

/**
 * Runs a schema on made-up texts under `names`.
 * @param check - the issues of one run; must not throw
 */
export function rehearse(
  names: readonly string[],
  check: (values: Record<string, string>) => readonly StandardSchemaV1.Issue[],
): Rehearsal {
  const run = (text: string) => {
    const values: Record<string, string> = Object.create(null);
    for (const name of names) values[name] = text;
    return messagesOf(check(values));
  };
  return lookalikes.map(([one, other]) => [run(one), run(other)]);
}

/**
 * What of `message` may be shown: a text that a rehearsal gave for `name`, with `…` where it depends
 * on the value. `undefined` if the rehearsal never said the like.
 */
export function showable(message: string, name: string, rehearsal: Rehearsal): string | undefined {
  for (const [one, other] of rehearsal)
    for (const a of one.get(name) ?? [])
      for (const b of other.get(name) ?? []) {
        const template = templateOf(a, b);
        if (template && fits(message, template)) return tidy(template.join('…'), name);
      }
  return undefined;
}

/** A text that depends on nothing, or head and tail of one that does. */
type Template = readonly [string] | readonly [string, string];

function templateOf(a: string, b: string): Template | undefined {
  if (a === b) return [a];
  const shorter = Math.min(a.length, b.length);
  let same = 0;
  while (same < shorter && a[same] === b[same]) same += 1;
  // only whole words: the rest of one may be what two encoded texts happen to share
  const head = a.slice(0, same).replace(/[^\s"'`([{<]+$/, '');
  same = 0;
  while (same < shorter - head.length && a.at(-1 - same) === b.at(-1 - same)) same += 1;
  const tail = a.slice(a.length - same).replace(/^[^\s"'`)\]}>]+/, '');
  // less says nothing
  return head.length + tail.length < 10 ? undefined : [head, tail];
}

function fits(message: string, [head, tail]: Template): boolean {
  if (tail === undefined) return message === head;
  const fixed = head.length + tail.length;
  return message.length >= fixed && message.startsWith(head) && message.endsWith(tail);
}

/** One line, without the name that some libraries begin with. */
function tidy(text: string, name: string): string {
  const line = text.replace(/[\s\p{Cc}]+/gu, ' ').trim();
  return (line.startsWith(`${name} `) ? line.slice(name.length + 1) : line).slice(0, 300);
}
