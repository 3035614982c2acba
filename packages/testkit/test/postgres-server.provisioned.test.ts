import { connect, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { startPostgresServer } from '../src/index.ts';

/** What the server answers to a start-up message of this protocol version: the first byte. */
async function greet(port: number): Promise<string> {
  const socket: Socket = connect(port, '127.0.0.1');
  const fields = Buffer.from('user\0postgres\0database\0postgres\0\0');
  const head = Buffer.alloc(8);
  head.writeInt32BE(fields.length + 8, 0);
  head.writeInt32BE(3 << 16, 4);
  socket.write(Buffer.concat([head, fields]));
  const first = await new Promise<Buffer>((resolve, reject) => {
    socket.once('data', resolve).once('error', reject);
  });
  socket.destroy();
  return first.toString('latin1');
}

test('asks for the password of the superuser, and is gone after stop', async () => {
  const server = await startPostgresServer();
  // R: authentication, by SCRAM
  expect(await greet(server.port)).toMatch(/^R[\s\S]+SCRAM-SHA-256/);
  await server.stop();
  await server.stop();
  await expect(greet(server.port)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  expect(server.log()).toContain('database system is shut down');
});
