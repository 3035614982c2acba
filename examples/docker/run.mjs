// In the place of your bot: logs in to Redis with the password that Keyfall has put into its environment.
import { once } from 'node:events';
import { connect } from 'node:net';

const password = process.env.REDIS_PASSWORD;
const redis = connect(6379, 'redis');
redis.write(`*2\r\n$4\r\nAUTH\r\n$${Buffer.byteLength(password)}\r\n${password}\r\n`);
const [answer] = await once(redis, 'data');
if (!String(answer).startsWith('+OK')) throw new Error(`Redis says: ${answer}`);
console.log('The bot runs, and Redis accepts its password.');
process.on('SIGTERM', () => process.exit(0));
