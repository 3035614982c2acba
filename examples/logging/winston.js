import winston from 'winston';
import { secrets } from './secrets.js';

const { combine, errors, json, splat } = winston.format;
const redacted = winston.format((info) => secrets.redactor.serialize(info));

export const log = winston.createLogger({
  // before what makes text of it, and after what puts more into it
  format: combine(errors({ stack: true, cause: true }), splat(), redacted(), json()),
  transports: [new winston.transports.Console()],
});
