/**
 * Breaches of the rules, made on purpose: a check that cannot fail is none.
 */
import { writeFile } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';
import { names, now } from './messages.ts';
import type { Oracle, Rule } from './oracle.ts';
import type { Stage } from './stage.ts';
import { until } from './until.ts';

/** Faults of a store that no chain may learn of, and that no other fault may hide. */
export const behindTheBack: ReadonlySet<Rule> = new Set([
  'wrong-value',
  'wrong-order',
  'missed-rotation',
  'missing-as-outage',
  'bound-elsewhere',
  'wrong-error',
]);

/** Does what a rule forbids, to see that it is found. The rest is done by the readers themselves. */
export async function plantFault(rule: Rule, stage: Stage, oracle: Oracle): Promise<void> {
  const [name = ''] = names.everywhere;
  if (rule === 'wrong-value')
    await stage.tamper((held) => {
      held[name] = stage.newValue();
    });
  if (rule === 'wrong-order') {
    let before: string | undefined;
    await stage.tamper((held) => {
      before = held[name];
    });
    const since = now();
    await stage.rotate(name);
    await until(() => oracle.behind(['get', 'view'], since).length === 0, 60_000);
    await stage.tamper((held) => {
      held[name] = before as string;
    });
  }
  if (rule === 'silent-fallback') {
    const mend = await stage.begin({ kind: 'kill', lasts: 0 });
    await wait(5_000);
    await mend();
  }
  if (rule === 'missed-rotation')
    oracle.write('vault', name, 'never made', now())('written', now());
  if (rule === 'missing-as-outage')
    await stage.tamper((held) => {
      delete held[names.vaultOnly];
    });
  if (rule === 'bound-elsewhere')
    await stage.tamper((held) => {
      delete held[names.bound];
    });
  if (rule === 'wrong-error') await writeFile(stage.connection.sopsFile, 'not encrypted: at all\n');
}
