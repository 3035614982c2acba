/** Measures commands: each round runs each of them once, in turns. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/**
 * @typedef {object} Command
 * @property {string} name - as the page shows it
 * @property {'floor' | 'again' | 'ours' | 'peer'} kind
 * @property {string} [note]
 * @property {string[]} command - an absolute path, and arguments
 * @property {Record<string, string>} env - all of it
 */

/**
 * @param {readonly Command[]} commands - one of them the floor
 * @param {{ rounds: number, cwd: string }} how
 * @returns {Promise<Map<Command, { wall: number[], cpu: number[] }>>} milliseconds, one a round
 */
export async function measureCommands(commands, { rounds, cwd }) {
  const floor = commands.find(({ kind }) => kind === 'floor');
  const all = [...commands, { ...floor, name: `${floor.name}, again`, kind: 'again' }];
  const samples = new Map(all.map((command) => [command, { wall: [], cpu: [] }]));
  const timer = fileURLToPath(new URL('timed.py', import.meta.url));
  const child = spawn('python3', [timer], { stdio: ['pipe', 'pipe', 'inherit'] });
  const answers = createInterface(child.stdout)[Symbol.asyncIterator]();
  const time = async ({ name, command, env }) => {
    child.stdin.write(`${JSON.stringify({ command, env, cwd })}\n`);
    const { value, done } = await answers.next();
    if (done) throw new Error('the timer ended');
    const { status, wall, cpu } = JSON.parse(value);
    if (status !== 0) throw new Error(`${name}: ${command.join(' ')} ended with ${status}`);
    return { wall: wall / 1_000, cpu: cpu / 1_000 };
  };
  try {
    for (const command of all) await time(command); // the files are in the cache of the system then
    for (let round = 0; round < rounds; round += 1)
      for (const command of round % 2 ? all.toReversed() : all) {
        const { wall, cpu } = await time(command);
        samples.get(command).wall.push(wall);
        samples.get(command).cpu.push(cpu);
      }
  } finally {
    child.stdin.end();
  }
  return samples;
}
