/**
 * An address whose system drops SYN packets, as a firewall does.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('../../../test/dropping-address.py', import.meta.url));

/** What closes it is added to `endings`. */
export async function droppingAddress(endings: (() => unknown)[]): Promise<string> {
  const child = spawn('python3', [program], { stdio: ['pipe', 'pipe', 'inherit'] });
  endings.push(() => child.kill());
  const [port] = (await once(child.stdout, 'data')) as [Buffer];
  return `http://127.0.0.1:${port.toString().trim()}`;
}
