/**
 * A program that uses secrets for a moment and ends without closing anything: the process has to end by itself. It
 * prints what it has seen.
 */
import { listenedChains } from './chains.ts';
import type { ReaderSettings, Report } from './messages.ts';

const settings = JSON.parse(process.env['SOAK'] ?? '') as ReaderSettings;
delete process.env['SOAK'];
const { id, names, task } = settings;
const print = (line: object) => console.log(JSON.stringify(line));
const chains = listenedChains(
  settings,
  (report: Report) => print(report),
  (where) => print({ kind: 'leak', where }),
);
const { open } = chains;
const get = (name: string) => chains.observe(id, 'process', name, () => open.get(name));

if (task === 'many')
  await Promise.all([...names.everywhere, names.bound, names.vaultOnly, names.sopsOnly].map(get));
else await get(names.everywhere[0] as string);
if (task === 'view') await open.view(names.everywhere).catch(() => {});
if (task === 'watch') {
  const changes = open.watch(names.everywhere);
  const next = changes.next();
  await changes.return(undefined);
  await next;
}
if (task === 'close-early') {
  // it is refused by a chain that is closed
  const late = open.refresh().catch(() => {});
  await open.close();
  await late;
}
