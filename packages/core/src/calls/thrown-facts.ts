/**
 * What is shown of something that a provider threw: its class, and where it was thrown. Enough to find a defect
 * by, and nothing that the thrown thing says: its text may hold anything.
 */
import { SecretError, type ThrownFacts } from '../contract/secret-error.ts';
import { isError } from './is-error.ts';

/** How many frames are shown: the innermost ones. */
const mostFrames = 5;

/** The class and the frames of `thrown`. Does not throw, whatever a foreign object does when it is read. */
export function thrownFacts(thrown: unknown): ThrownFacts {
  if (!isError(thrown) && !isDomException(thrown)) return { type: typeof thrown, frames: [] };
  try {
    // the class's own name: the field `name` may hold any text
    const type: unknown = Object.getPrototypeOf(thrown)?.constructor?.name;
    const isName = typeof type === 'string' && /^[\w$]{1,60}$/.test(type);
    return { type: isName ? type : 'Error', frames: framesOf(thrown) };
  } catch {
    return { type: 'Error', frames: [] };
  }
}

/** What an aborted `fetch` and `AbortSignal.timeout` reject with: of no class that is called an error. */
function isDomException(thrown: unknown): thrown is Error {
  return Object.prototype.toString.call(thrown) === '[object DOMException]';
}

/** The error for what the permissions of the process refuse (Deno, `node --permission`), which is no defect. */
export function refusalOf(thrown: unknown, provider: string): SecretError | undefined {
  const { name, code } = Object(thrown) as { readonly name?: unknown; readonly code?: unknown };
  if (name !== 'NotCapable' && code !== 'ERR_ACCESS_DENIED') return undefined;
  return new SecretError('ERR_SECRET_DENIED', 'the permissions of this process do not allow it', {
    provider,
    hint: 'Start it with those that the provider needs: --allow-env, --allow-read and --allow-net of Deno, --allow-fs-read of Node.',
  });
}

/** The class and the frames in one line. */
export function summaryOf({ type, frames }: ThrownFacts): string {
  return frames.length > 0 ? `${type} at ${frames.join(', ')}` : type;
}

/**
 * A stack begins with the message, which may hold lines that look like frames. So only what follows the message
 * is read, and nothing where the stack does not begin with it: somebody has changed the message since.
 */
function framesOf({ stack, message }: Error): string[] {
  const [head = '', ...messages] = String(message).split('\n');
  const [first = '', ...lines] = String(stack).split('\n');
  const name = first.slice(0, first.length - head.length);
  const isHeader = first.endsWith(head) && /^[\w$.]+(?: \[\w+\])?(?:: )?$/.test(name);
  if (!isHeader || messages.some((line, index) => line !== lines[index])) return [];
  return lines
    .slice(messages.length)
    .flatMap((line) => frameOf(line) ?? [])
    .slice(0, mostFrames);
}

/** `file:line` of a frame in the form that V8 and Bun give it; none for code that comes from no file. */
function frameOf(line: string): string | undefined {
  const [, url = '', row] = /^ +at (?:.* \()?([^()]+):(\d+):\d+\)?$/.exec(line) ?? [];
  const path = url.replace(/^file:\/\//, '');
  if (!/^(?:\/|[A-Za-z]:[\\/])/.test(path)) return undefined;
  const segments = path.split(/[\\/]/);
  const modules = segments.lastIndexOf('node_modules');
  const file = segments.slice(modules < 0 ? -2 : modules + 1).join('/');
  return /^[\w@+./ -]{1,120}$/.test(file) ? `${file}:${row}` : undefined;
}
