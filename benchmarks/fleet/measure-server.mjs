/**
 * What a request costs a real server: the parameters of the stand-in. It is CPU time that is measured, which does not
 * depend on what else the machine does; by the clock, the client and other programs have a part of the same cores.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { startVaultCluster } from '@keyfall/testkit';
import { prepareStore } from './cluster.mjs';

const agent = new Agent({ keepAlive: true, maxSockets: 64 });

function ask(address, method, path, { token, body } = {}) {
  const { promise, resolve, reject } = deferred();
  const headers = { 'X-Vault-Request': 'true', ...(token && { 'X-Vault-Token': token }) };
  const sent = request(`${address}/v1/${path}`, { method, headers, agent }, (answer) => {
    answer.resume();
    answer.on('end', () => resolve(answer.statusCode < 300));
  });
  sent.on('error', reject);
  sent.end(body);
  return promise;
}

function deferred() {
  const parts = {};
  parts.promise = new Promise((resolve, reject) => Object.assign(parts, { resolve, reject }));
  return parts;
}

/** CPU time of all processes that this one has started, in milliseconds. Linux. */
function cpuOfServers() {
  const pids = readdirSync('/proc/self/task').flatMap((task) =>
    readFileSync(`/proc/self/task/${task}/children`, 'utf8').trim().split(' ').filter(Boolean),
  );
  let ticks = 0;
  for (const pid of pids) {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    ticks += Number(fields[11]) + Number(fields[12]);
  }
  return ticks * 10;
}

/** Does `work` for `length` milliseconds, `many` at a time: CPU time of the cluster for one, and the median time by the clock. */
async function costOf(work, many, length) {
  const times = [];
  const start = performance.now();
  const cpu = cpuOfServers();
  await Promise.all(
    Array.from({ length: many }, async () => {
      while (performance.now() - start < length) {
        const before = performance.now();
        // what fails while another leader is elected does not count
        if (await work()) times.push(performance.now() - before);
      }
    }),
  );
  times.sort((one, other) => one - other);
  const two = (number) => Number(number.toPrecision(2));
  return {
    cpu: two((cpuOfServers() - cpu) / times.length),
    median: two(times[times.length >> 1]),
    perSecond: Math.round((times.length / (performance.now() - start)) * 1_000),
  };
}

/** Reads of a document of ten names, logins by AppRole and renewals, at the leader of three raft nodes. */
export async function measureServer(length = 5_000) {
  const cluster = await startVaultCluster();
  try {
    return await measure(cluster, length);
  } finally {
    agent.destroy();
    await cluster.stop();
  }
}

async function measure(cluster, length) {
  const { token, path, roleId, secretId } = await prepareStore(cluster);
  const { address } = await cluster.active();
  const read = () => ask(address, 'GET', path, { token });
  const credentials = JSON.stringify({ role_id: roleId, secret_id: secretId });
  const login = () => ask(address, 'POST', 'auth/approle/login', { body: credentials });
  const renew = () => ask(address, 'POST', 'auth/token/renew-self', { token, body: '{}' });
  await costOf(read, 16, 1_000);
  const { median: latency } = await costOf(read, 1, length);
  const reads = await costOf(read, 32, length);
  const logins = await costOf(login, 32, length);
  const renewals = await costOf(renew, 32, length);
  return { latency, throughput: Math.round(1_000 / reads.cpu), reads, logins, renewals };
}
