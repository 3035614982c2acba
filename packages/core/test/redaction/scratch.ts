import { spawn } from 'node:child_process';
import { Readable } from 'node:stream';
import { createRedactor } from '../../src/redaction/redactor.ts';
const redactor = createRedactor();
redactor.add('correct horse');
const child = spawn(process.execPath, ['-e', ''], { stdio: ['ignore', 'pipe', 'inherit'] });
const masked = Readable.toWeb(child.stdout).pipeThrough(redactor.stream());
Readable.fromWeb(masked).pipe(process.stdout);
for (const method of ['log', 'info', 'warn', 'error'] as const) {
  const print = console[method].bind(console);
  console[method] = (...parts: unknown[]) => print(...parts.map(redactor.serialize));
}
new Response('x').body?.pipeThrough(redactor.stream()).pipeThrough(new TextDecoderStream());
