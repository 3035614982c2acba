/**
 * What is changed, and which tests should notice. A test that runs the built command line in a process
 * of its own cannot see a change of the source, so none of those is here. The `slow` ones run last, in the
 * order in which they stand; after `patience` milliseconds a test has failed (default: two minutes).
 */
export const areas = {
  core: {
    about: "core's chain: who is asked, what is kept, what is said",
    folder: 'packages/core/src',
    files: [
      'chain/chain.ts',
      'chain/changes.ts',
      'chain/circuit.ts',
      'chain/endable.ts',
      'chain/fast-answers.ts',
      'chain/shared-read.ts',
      'calls/foreign-error.ts',
      'calls/limited-call.ts',
      'chain/answer-cache.ts',
      'chain/notifier.ts',
      'calls/on-abort.ts',
      'chain/refusals.ts',
      'chain/cached-provider.ts',
      'chain/view.ts',
      'chain/watching.ts',
      'chain/whole-chain.ts',
      'chain/writing.ts',
    ],
    // composition.test.ts tries every rule of a provider on every chain, which takes as long as all of these
    tests: [
      'packages/testkit/test/core/{chain-*,view-of-schema,endable,fast-answers,shared-read,limited-call,answer-cache,unconfigured,wording}.test.ts',
      'packages/core/test/{providers,notifier}.test.ts',
    ],
    slow: ['chain-order', 'chain-model', 'chain-last-good'],
    // their clock is a manual one: what takes longer waits for ever
    patience: 10_000,
  },
  migration: {
    about: 'the plan, the files, the store and the journal of `migrate`',
    folder: 'packages/cli/src/migration',
    tests: [
      'packages/cli/test/{plan,files,backups,progress,questions,store-identity,waiting,migrate,restore}.test.ts',
      'packages/cli/test/migrate-{asked,endpoints,in-the-way,interrupted,journal,preflight,properties,reader,report,source,target,output}.test.ts',
    ],
    slow: ['migrate-properties'],
  },
  kv: {
    about: 'a document of a KV engine: read, merge and conditional write, on a real server',
    folder: 'packages/provider-vault/src',
    files: ['kv/kv-document.ts'],
    // gateway.e2e tries each status of a gateway, half a minute long, and what those mean is not decided here;
    // with vault-kv.e2e the worker is aborted after that file; its reads of pipes that never end are the likely cause
    tests: ['packages/provider-vault/test/{kv-document.e2e,vault-provider.e2e}.test.ts'],
    slow: ['kv-document.e2e', 'vault-provider.e2e'],
    server: true,
  },
  'kv-parts': {
    about:
      "what a change makes of a document's members, which state is newer, what became of a write: without a server",
    folder: 'packages/provider-vault/src',
    files: ['kv/kv-members.ts', 'kv/kv-revision.ts', 'wire/json-members.ts', 'kv/settle-write.ts'],
    tests: [
      'packages/provider-vault/test/{json-members,kv-members,kv-revision,settle-write}.test.ts',
    ],
  },
  lifetimes: {
    about: 'what keeps a token or a lease good: renewed, replaced, handed over, revoked',
    folder: 'packages/provider-vault/src',
    files: ['lifetimes/lifetime.ts', 'lifetimes/timing.ts', 'leases/kept-credentials.ts'],
    tests: [
      'packages/provider-vault/test/{lifetime,timing,kept-credentials}.test.ts',
      'packages/provider-vault/test/{vault-session,lease-keeper,lease-token}.e2e.test.ts',
    ],
    slow: ['vault-session.e2e', 'lease-token.e2e', 'lease-keeper.e2e'],
    server: true,
  },
  mac: {
    about: 'the data key of an encrypted file, and the MAC over what it holds',
    folder: 'packages/provider-sops/src',
    files: [
      'keys/data-key.ts',
      'tree/decrypt-tree.ts',
      'reading/open-sops.ts',
      'keys/shamir.ts',
      'tree/sops-cipher.ts',
    ],
    // the other files of it try whole files at random, for a minute
    tests: [
      'packages/provider-sops/test/{data-key,shamir,sops-cipher,decrypt-tree,open-sops,sops-provider,fixtures}.test.ts',
    ],
    slow: ['fixtures'],
  },
};
