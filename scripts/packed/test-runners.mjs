// Test runners on their defaults.
import { asLibrary, output, packages } from './application.mjs';

const test = `test('reads', async () => {
  expect(await main()).toBe(${JSON.stringify(output)});
});
`;
const asCommonJs = asLibrary.replace(/^import (\{.*\}) from ('.*');$/gm, 'const $1 = require($2);');

export const testRunners = {
  'Jest, CommonJS'(place) {
    const project = place('jest', {
      'package.json': { private: true },
      'app.test.js': asCommonJs + test,
    });
    project.install(...packages, 'jest@30.5.2');
    project.run('npx', 'jest', '--ci');
  },
  'Jest with ts-jest'(place) {
    const project = place('ts-jest', {
      'package.json': { private: true, jest: { preset: 'ts-jest' } },
      'tsconfig.json': {
        compilerOptions: {
          module: 'node16',
          moduleResolution: 'node16',
          strict: true,
          types: ['node', 'jest'],
          target: 'ES2022',
        },
      },
      'app.test.ts': asLibrary + test,
    });
    project.install(
      ...packages,
      'jest@30.5.2',
      'ts-jest@29.4.15',
      'typescript@5.9.3',
      '@types/jest@30',
      '@types/node@20',
    );
    project.run('npx', 'jest', '--ci');
  },
  'Jest with swc'(place) {
    const project = place('swc-jest', {
      'package.json': { private: true, jest: { transform: { '^.+\\.(t|j)sx?$': '@swc/jest' } } },
      'app.test.ts': asLibrary + test,
    });
    project.install(...packages, 'jest@30.5.2', '@swc/jest@0.2.39', '@swc/core@1.16.22');
    project.run('npx', 'jest', '--ci');
  },
  vitest(place) {
    const project = place('vitest', {
      'package.json': { private: true },
      'app.test.ts': `import { expect, test } from 'vitest';\n${asLibrary}${test}`,
    });
    project.install(...packages, 'vitest@4.1.12');
    project.run('npx', 'vitest', 'run');
  },
};
