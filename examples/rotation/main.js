// Asks a database without a pause until Ctrl-C: npm start -- postgres (or mysql, redis). A query that fails ends it.
import { setTimeout } from 'node:timers/promises';
import { secrets } from './secrets.js';

const { query, close } = await import(`./${process.argv[2] ?? 'postgres'}.js`);
secrets.on('changed', ({ name }) => console.log(`changed ${name}`));

let answered = 0;
let isOver = false;
process.once('SIGINT', () => {
  isOver = true;
});

async function work() {
  while (!isOver) {
    await query('SELECT current_user');
    answered += 1;
    if (answered % 100 === 0) console.log(`answered ${answered}`);
    await setTimeout(2);
  }
}

await Promise.all(Array.from({ length: 8 }, work));
await close();
await secrets.close();
console.log('ended without a failed query');
