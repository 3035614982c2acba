/**
 * An address whose system drops SYN packets, as a firewall does.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';

/**
 * A listening socket whose queue is full, so that the system drops further connections' SYN. What closes
 * it is added to `endings`.
 */
export async function droppingAddress(endings: (() => unknown)[]): Promise<string> {
  const script = `
import socket, sys
server = socket.socket(); server.bind(('127.0.0.1', 0)); server.listen(0)
port = server.getsockname()[1]
held = []
for _ in range(4):
    client = socket.socket(); client.setblocking(False)
    client.connect_ex(('127.0.0.1', port)); held.append(client)
print(port, flush=True); sys.stdin.read()`;
  const child = spawn('python3', ['-c', script], { stdio: ['pipe', 'pipe', 'inherit'] });
  endings.push(() => child.kill());
  const [port] = (await once(child.stdout, 'data')) as [Buffer];
  return `http://127.0.0.1:${port.toString().trim()}`;
}
