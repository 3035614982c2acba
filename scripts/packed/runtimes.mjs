// Every runtime, in what npm has installed, imported and required.
import { runtimes } from '../runtimes/runtimes.mjs';
import { asCommonJs, asModule, packages } from './application.mjs';

let installed;
function projectIn(place) {
  if (installed) return installed;
  installed = place('runtimes', {
    'package.json': { private: true },
    'app.mjs': asModule,
    'app.cjs': asCommonJs,
  });
  installed.install(...packages);
  return installed;
}

export const inRuntimes = Object.fromEntries(
  runtimes.map(({ name, version, args, programOf }) => [
    `${name} ${version}`,
    (place) => {
      const project = projectIn(place);
      for (const file of ['app.mjs', 'app.cjs']) project.mustWork(programOf(), ...args, file);
    },
  ]),
);
