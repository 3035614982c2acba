// Test runners on their defaults.
import { asLibrary, output, packages } from './application.mjs';
import { shared } from './place.mjs';

const test = `test('reads', async () => {
  expect(await main()).toBe(${JSON.stringify(output)});
});
`;
const asCommonJs = asLibrary.replace(/^import (\{.*\}) from ('.*');$/gm, 'const $1 = require($2);');

const jestIn = shared((place) => {
  const project = place('jest', {
    'package.json': { private: true },
    'tsconfig.json': {
      compilerOptions: {
        module: 'node16',
        moduleResolution: 'node16',
        strict: true,
        types: ['node', 'jest'],
        target: 'ES2022',
      },
    },
    'app.test.js': asCommonJs + test,
    'app.test.ts': asLibrary + test,
  });
  project.install(
    ...packages,
    'jest@30.5.2',
    'ts-jest@29.4.15',
    '@swc/jest@0.2.39',
    '@swc/core@1.16.22',
    'typescript@5.9.3',
    '@types/jest@30',
    '@types/node@20',
  );
  return project;
});
function jest(place, ...args) {
  jestIn(place).run('npx', 'jest', '--ci', ...args);
}
const bySwc = JSON.stringify({ '^.+\\.(t|j)sx?$': '@swc/jest' });

export const testRunners = {
  'Jest, CommonJS': (place) => jest(place, 'app.test.js'),
  'Jest with ts-jest': (place) => jest(place, '--preset', 'ts-jest', 'app.test.ts'),
  'Jest with swc': (place) => jest(place, '--transform', bySwc, 'app.test.ts'),
  vitest(place) {
    const project = place('vitest', {
      'package.json': { private: true },
      'app.test.ts': `import { expect, test } from 'vitest';\n${asLibrary}${test}`,
    });
    project.install(...packages, 'vitest@4.1.12');
    project.run('npx', 'vitest', 'run');
  },
};
