// Every package manager.
import { asCommonJs, asModule, packages } from './application.mjs';

const files = {
  'package.json': { private: true },
  'app.mjs': asModule,
  'app.cjs': asCommonJs,
  // one copy of each package in a process, whether it is imported or required
  'one-copy.cjs': `const required = require('@keyfall/core');
import('@keyfall/core').then((imported) => {
  if (imported.SecretError !== required.SecretError) throw new Error('two copies of @keyfall/core');
});
`,
};

export const installers = {
  npm(place) {
    const project = place('npm', files);
    project.install(...packages, 'keyfall');
    project.mustWork('node', 'app.mjs');
    project.mustWork('node', 'app.cjs');
    // as an older Node has it, and whatever resolves like that: by dist/cjs
    project.mustWork('node', '--no-experimental-require-module', 'app.cjs');
    project.run('node', 'one-copy.cjs');
    const value = project.run('npx', 'keyfall', 'get', 'FROM_FILE');
    if (value !== 'of-file\n') throw new Error(`keyfall get printed ${value}`);
    const started = project.run(
      'npx',
      'keyfall',
      'run',
      '--',
      'node',
      '-p',
      'process.env.FROM_FILE',
    );
    if (started !== 'of-file\n') throw new Error(`keyfall run gave the program ${started}`);
  },
  pnpm(place) {
    const project = place('pnpm', files);
    project.run('npx', '-y', 'pnpm@12.21.0', 'add', ...packages, 'keyfall');
    project.mustWork('node', 'app.mjs');
    project.mustWork('node', 'app.cjs');
    project.run('npx', '-y', 'pnpm@12.21.0', 'exec', 'keyfall', '--version');
  },
  'yarn classic'(place) {
    const project = place('yarn', files);
    project.run('npx', '-y', 'yarn@1.22.22', 'add', '--silent', ...packages, 'keyfall');
    project.mustWork('node', 'app.mjs');
    project.mustWork('node', 'app.cjs');
  },
  'yarn PnP'(place, { address }) {
    const server = `npmRegistryServer: ${JSON.stringify(address)}\nunsafeHttpWhitelist: ['127.0.0.1']\n`;
    const project = place('pnp', {
      ...files,
      '.yarnrc.yml': `${server}nodeLinker: pnp\nenableGlobalCache: false\nglobalFolder: ./global\nnpmMinimalAgeGate: 0\n`,
      'yarn.lock': '',
    });
    const yarn = ['-y', '@yarnpkg/cli-dist@4.18.1'];
    project.run('npx', ...yarn, 'add', ...packages, 'keyfall');
    project.mustWork('npx', ...yarn, 'node', 'app.mjs');
    project.mustWork('npx', ...yarn, 'node', 'app.cjs');
    project.run('npx', ...yarn, 'keyfall', '--version');
  },
};
