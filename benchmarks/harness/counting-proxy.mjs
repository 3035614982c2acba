/** Counts the requests that reach a server. */
import { createServer, request } from 'node:http';

/**
 * Passes requests on to a server and their answers back.
 *
 * @param {string} target - the server's address
 * @returns its address, `requests()`: method and path of what came since it was last asked, and `stop()`
 */
export async function countingProxy(target) {
  const { hostname, port } = new URL(target);
  let requests = [];
  const server = createServer((incoming, outgoing) => {
    const { method, url, headers } = incoming;
    requests.push(`${method} ${url}`);
    const onward = request({ hostname, port, method, path: url, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode, answer.headers);
      answer.pipe(outgoing);
    });
    onward.on('error', () => outgoing.destroy());
    incoming.pipe(onward);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    address: `http://127.0.0.1:${server.address().port}`,
    requests() {
      const taken = requests;
      requests = [];
      return taken;
    },
    stop() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}
