// Next by each of its bundlers: the server that a build makes is moved out of the project, and answers with what it reads.
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { freePort } from '@keyfall/testkit';
import { asLibrary, output, packages } from './application.mjs';
import { shared } from './place.mjs';

const files = {
  'package.json': { private: true },
  'next.config.mjs': "export default { output: 'standalone' };\n",
  'app/layout.js': 'export default ({ children }) => <html><body>{children}</body></html>;\n',
  'app/route.js': `${asLibrary}
export const dynamic = 'force-dynamic';
export const GET = async () => new Response(await main());
`,
  // without Node's modules core alone
  'app/edge/route.js': `import { createSecrets, memoryProvider } from '@keyfall/core';
export const runtime = 'edge';
const secrets = createSecrets({ providers: [memoryProvider({ TOKEN: 'a-long-value' })] });
export const GET = async () => new Response(secrets.redact(\`the \${await secrets.get('TOKEN')}\`));
`,
};
const answers = { '/': output, '/edge': 'the [redacted]' };

const projectIn = shared((place) => {
  const project = place('next', files);
  project.install(...packages, 'next@16.4.6', 'react@19.3.1', 'react-dom@19.3.1');
  return project;
});

/** Asks a server that may still be starting. @throws an `Error` with all that it printed if it ends or does not answer */
async function mustAnswer(server, address) {
  let printed = '';
  for (const stream of [server.stdout, server.stderr])
    stream.on('data', (data) => {
      printed += data;
    });
  for (const [path, expected] of Object.entries(answers)) {
    let answer;
    for (let tries = 0; answer === undefined && tries < 300; tries += 1) {
      if (server.exitCode !== null) break;
      if (tries > 0) await wait(100);
      answer = await fetch(address + path).then(
        (response) => response.text(),
        () => undefined,
      );
    }
    if (answer !== expected) throw new Error(`${path} answered ${answer}\n${printed}`);
  }
}

export const next = Object.fromEntries(
  ['webpack', 'turbopack'].map((bundler) => [
    `Next, ${bundler}`,
    async (place) => {
      const project = projectIn(place);
      project.run('rm', '-rf', '.next');
      project.run('npx', 'next', 'build', `--${bundler}`);
      const { folder, start } = place('next-server');
      cpSync(join(project.folder, '.next/standalone'), folder, { recursive: true });
      const port = await freePort();
      const server = start('node', ['server.js'], { PORT: String(port), HOSTNAME: '127.0.0.1' });
      try {
        await mustAnswer(server, `http://127.0.0.1:${port}`);
      } finally {
        server.kill();
      }
    },
  ]),
);
