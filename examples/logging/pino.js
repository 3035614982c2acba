import { pino } from 'pino';
import { secrets } from './secrets.js';

// the whole line, when it is finished
export const log = pino({ hooks: { streamWrite: secrets.redact } });
