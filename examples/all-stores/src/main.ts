import { show } from './show.ts';

await show(console.log);
