import { secrets } from './secrets.js';

const { log } = await import(`./${process.argv[2] ?? 'pino'}.js`);
const greeting = await secrets.get('GREETING');

log.info(`The greeting is ${greeting}`);
log.error(new Error(`nobody reads ${greeting}`));
