import { constants } from 'node:os';
import { show } from './show.ts';
import { installedStores } from './stores.ts';

// The stores go with the process that ends by itself; a signal would end it before they can.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.once(signal, () => process.exit(128 + constants.signals[signal]));

await show(console.log, await installedStores());
