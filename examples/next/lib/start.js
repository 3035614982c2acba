import { secrets } from './secrets.js';

// Next would go on, and answer each request with 500
await secrets.get('GREETING').catch((error) => {
  console.error(error);
  process.exit(1);
});
