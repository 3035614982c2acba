/**
 * `node --import @keyfall/auto app.js`: the secrets are in `process.env` before the first line of the application. Node awaits
 * what is imported like this before it loads the application, so this is the one module of ours with a top-level await.
 */
import { isMainThread } from 'node:worker_threads';

// Node imports it in every worker thread as well, which has the environment that its parent gives it
if (isMainThread) {
  const { startWithSecrets } = await import('keyfall/auto');
  await startWithSecrets();
}
