/**
 * Which package and which room of a package may import which: what ARCHITECTURE.md says, held by
 * `npm run lint`. A new room gets its place in this list and a line there.
 */

/** The rooms of a package, from below: each may import from those before it. The package's own files are on top. */
export const rooms = {
  core: [
    'contract',
    'words',
    'arguments',
    'calls',
    'redaction',
    'loading',
    'providers',
    'references',
    'files',
    'http',
    'chain',
  ],
  'provider-vault': [
    'wire',
    'environment',
    'auth',
    'settings',
    'answers',
    'http/tls',
    'http',
    'lifetimes',
    'session',
    'kv',
    'leases',
    'check',
    'browser',
  ],
  'provider-sops': ['tree', 'formats', 'keys', 'reading', 'writing'],
  'provider-dotenv': ['readers', 'contents', 'editing', 'check'],
  'provider-aws-secrets-manager': ['api', 'json-secret', 'named-secrets'],
  testkit: ['machine', 'servers', 'conformance'],
  cli: ['files', 'terminal', 'config', 'chain', 'run', 'migration', 'diagnosis', 'commands'],
};

/** Packages that a package may import, by the start of their names. */
const packages = {
  core: [],
  otel: ['core'],
  fastify: ['core'],
  nestjs: ['core'],
  testkit: ['core'],
  aws: ['core'],
  'provider-aws-[^/]+': ['core', 'aws'],
  'vault-aws-iam': ['core', 'aws', 'provider-vault'],
  'provider-(?!aws-)[^/]+': ['core'],
  cli: ['core', 'provider-'],
  auto: ['cli'],
};

/** Rooms of one package that have nothing to do with each other, though one stands before the other in the list. */
const apart = [
  ['core', 'files', ['words', 'redaction', 'loading', 'providers', 'references']],
  ['core', 'providers', ['redaction', 'loading']],
  ['core', 'references', ['redaction', 'loading']],
  ['core', 'http', ['words', 'redaction', 'loading', 'providers', 'references', 'files']],
  ['core', 'chain', ['providers', 'references', 'files', 'http']],
  ['provider-vault', 'leases', ['kv']],
  ['provider-aws-secrets-manager', 'named-secrets', ['json-secret']],
  ['cli', 'diagnosis', ['migration']],
];

const inRoom = (name, room) => `^packages/${name}/src/${room}/[^/]+$`;

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    {
      name: 'no-circles',
      comment: 'Two files that need each other need a third below them.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    ...Object.entries(rooms).flatMap(([name, order]) =>
      order.map((room, place) => ({
        name: `${name}: ${room} is below`,
        comment: `${room} may import only from the rooms before it in .dependency-cruiser.mjs.`,
        severity: 'error',
        from: { path: inRoom(name, room) },
        to: {
          path: `^packages/${name}/src/`,
          pathNot: [room, ...order.slice(0, place)].map((below) => inRoom(name, below)),
        },
      })),
    ),
    ...apart.map(([name, room, others]) => ({
      name: `${name}: ${room} stands apart`,
      comment: `${room} has nothing to do with ${others.join(', ')}.`,
      severity: 'error',
      from: { path: inRoom(name, room) },
      to: { path: others.map((other) => inRoom(name, other)) },
    })),
    {
      name: 'a-room-is-listed',
      comment: 'Give the new room its place in .dependency-cruiser.mjs.',
      severity: 'error',
      from: {
        path: `^packages/(?:${Object.keys(rooms).join('|')})/src/[^/]+/`,
        pathNot: Object.entries(rooms).flatMap(([name, all]) =>
          all.map((room) => inRoom(name, room)),
        ),
      },
      to: {},
    },
    ...Object.entries(packages).map(([name, others]) => ({
      name: `${name} imports packages`,
      comment: `It may import ${others.join(', ') || 'no other package of ours'}.`,
      severity: 'error',
      from: { path: `^packages/(${name})/src/` },
      to: {
        path: '^packages/',
        pathNot: ['^packages/$1/', ...others.map((other) => `^packages/${other}`)],
      },
    })),
  ],
  options: {
    // imports of types count too
    tsPreCompilationDeps: true,
    includeOnly: '^packages/[^/]+/src/',
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['@keyfall/source', 'import', 'default'],
    },
  },
};
