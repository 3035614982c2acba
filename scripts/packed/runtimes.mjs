// Every runtime, in what npm has installed, imported and required.
import { runtimes } from '../runtimes/runtimes.mjs';
import { asCommonJs, asModule, packages } from './application.mjs';
import { shared } from './place.mjs';

const projectIn = shared((place) => {
  const project = place('runtimes', {
    'package.json': { private: true },
    'app.mjs': asModule,
    'app.cjs': asCommonJs,
  });
  project.install(...packages);
  return project;
});

export const inRuntimes = Object.fromEntries(
  runtimes.map(({ name, version, args, programOf }) => [
    `${name} ${version}`,
    (place) => {
      const project = projectIn(place);
      for (const file of ['app.mjs', 'app.cjs']) project.mustWork(programOf(), ...args, file);
    },
  ]),
);
