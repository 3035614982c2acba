/**
 * Measures operations that a process repeats. Each subject has a process of its own, so that none pays for another's
 * garbage or compiled code, and that its CPU time is its own and not the server's. The processes take turns, a slice of
 * time each, in rounds: what disturbs the machine disturbs all alike. They are started again a few times, because a
 * process may be lucky for as long as it lives.
 */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/**
 * @typedef {object} Subject
 * @property {string} name - as the page shows it
 * @property {'floor' | 'again' | 'ours' | 'peer'} kind - `again`: the floor once more, which shows what a difference of nothing looks like
 * @property {string} [note] - how its work differs from that of the others
 * @property {[module: string, name: string]} [start] - the URL of a module, and what it exports to start with (see `client.mjs`)
 * @property {string[]} [command] - a client in another language, which speaks as `client.mjs` does
 * @property {Record<string, string>} [env] - of such a client
 */

/**
 * @typedef {object} Samples - one number a round, of one operation, in microseconds
 * @property {number[]} p50 - the median time of the operations of a round
 * @property {number[]} wall - the round's time by the number of its operations
 * @property {number[]} cpu - the process' CPU time likewise
 */

const program = fileURLToPath(new URL('client.mjs', import.meta.url));

/** Starts the process of a subject. */
export async function startClient({ command, env, start }, settings) {
  const [file, ...args] = command ?? [process.execPath, program];
  const child = spawn(file, args, {
    // without settings of a proxy or of Vault, which some clients go by
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
    stdio: ['pipe', 'ignore', 'inherit', 'pipe'],
  });
  const failed = new Promise((_, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => reject(new Error(`a client ended: ${code ?? signal}`)));
  });
  failed.catch(() => {}); // it is raced with each answer
  const answers = createInterface(child.stdio[3])[Symbol.asyncIterator]();
  const ask = async (request) => {
    child.stdin.write(`${JSON.stringify(request)}\n`);
    const { value } = await Promise.race([answers.next(), failed]);
    const answer = JSON.parse(value);
    if (answer.error !== undefined) throw new Error(answer.error);
    return answer;
  };
  // by standard input, where no list of processes shows it
  const begin = (settings) => ask({ start, settings });
  try {
    await begin(settings);
  } catch (error) {
    child.kill();
    throw error;
  }
  return {
    /** Begins again in the same process. */
    start: begin,
    /** @returns {Promise<{ wall: number, answered: boolean }>} milliseconds of one operation, and whether it failed */
    call: () => ask({ call: true }),
    /** @returns {Promise<{ count: number, wall: number, cpu: number, p50: number }>} microseconds of the whole, and of the median operation */
    round: (how) => ask(how),
    /** @returns {Promise<Record<string, number>>} microseconds of CPU time of one of so many operations, by whose code it is */
    profile: (operations) => ask({ profile: operations }),
    async stop() {
      child.stdin.end();
      await new Promise((resolve) => {
        child.removeAllListeners('exit').once('exit', resolve);
        if (child.exitCode !== null || child.signalCode !== null) resolve();
        // what a peer keeps alive does not keep us
        setTimeout(() => child.kill('SIGKILL'), 500).unref();
      });
    },
  };
}

/**
 * @param {readonly Subject[]} subjects - one of them the floor
 * @param {object} settings - what each is started with
 * @param {object} how
 * @param {number} how.rounds - of each generation of processes
 * @param {number} [how.generations]
 * @param {number} [how.slice] - milliseconds that a subject works in a round
 * @param {{ milliseconds: number, operations?: number }} [how.warm] - how long it works before the first one in each width, at most
 * @param {readonly number[]} [how.widths] - how many operations it has in flight; each is measured in each round
 * @returns {Promise<Map<number, Map<Subject, Samples>>>} by width
 */
export async function measureOperations(
  subjects,
  settings,
  { rounds, generations = 3, slice = 120, warm = { milliseconds: 1_500 }, widths = [1] },
) {
  const floor = subjects.find(({ kind }) => kind === 'floor');
  const all = [...subjects, { ...floor, name: `${floor.name}, again`, kind: 'again' }];
  const samples = new Map(
    widths.map((width) => [
      width,
      new Map(all.map((subject) => [subject, { p50: [], wall: [], cpu: [] }])),
    ]),
  );
  for (let generation = 0; generation < generations; generation += 1) {
    const clients = [];
    try {
      for (const subject of all) {
        const client = await startClient(subject, settings);
        clients.push([subject, client]);
        for (const width of widths) await client.round({ ...warm, width });
      }
      for (let round = 0; round < rounds; round += 1)
        // there and back, so that no place in the order is always the better one
        for (const width of widths)
          for (const [subject, client] of round % 2 ? clients.toReversed() : clients) {
            const { count, wall, cpu, p50 } = await client.round({ milliseconds: slice, width });
            const into = samples.get(width).get(subject);
            into.p50.push(p50);
            into.wall.push(wall / count);
            into.cpu.push(cpu / count);
          }
    } finally {
      for (const [, client] of clients) await client.stop();
    }
  }
  return samples;
}

/**
 * Where the CPU time of each subject goes.
 *
 * @param {readonly Subject[]} subjects
 * @param {{ milliseconds: number, operations?: number }} warm
 * @returns {Promise<Map<Subject, Record<string, number[]>>>} microseconds of an operation, one number a process
 */
export async function profileOperations(subjects, settings, { generations, operations, warm }) {
  const parts = new Map(subjects.map((subject) => [subject, {}]));
  for (let generation = 0; generation < generations; generation += 1)
    for (const subject of subjects) {
      const client = await startClient(subject, settings);
      try {
        await client.round({ ...warm, width: 1 });
        const of = parts.get(subject);
        for (const [part, time] of Object.entries(await client.profile(operations)))
          of[part] = [...(of[part] ?? []), time];
      } finally {
        await client.stop();
      }
    }
  return parts;
}
