/**
 * Connections through an http proxy: CONNECT (RFC 9110, section 9.3.6), then TLS with the server
 * itself inside, so that the proxy sees where a request goes and nothing of it.
 */
import type { Agent, ClientRequest } from 'node:http';
import { request as requestHttp } from 'node:http';
import type { Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import type { ProxySettings } from '../../settings/connection-settings.ts';
import type { WireFailure } from '../../wire/vault-wire.ts';

/** What a tunnel takes from the options of the request that it is opened for. */
export interface TunnelOptions {
  /**
   * Is given each connection that the tunnel is made of while it is: a request that is given up does
   * not end one that is still being made.
   */
  readonly onTunnel: (making: ClientRequest | Socket) => void;
  /** No caller waits for the request: the process may end before the tunnel is made. */
  readonly unattended: boolean;
}

/** A tunnel's error: it carries what failed in the wire's own terms; its other fields are not looked at. */
export interface TunnelError extends Error {
  readonly failure: WireFailure;
}

/** What an https agent makes connections with. Its certificate check stays as it is. */
export function tunnelThrough(proxy: ProxySettings): Agent['createConnection'] {
  return (options, done) => {
    const { host, port, onTunnel, unattended } = options as ConnectionOptions & TunnelOptions;
    const authority = `${host?.includes(':') ? `[${host}]` : host}:${port}`;
    const finish = (outcome: WireFailure | Socket): void => {
      if ('kind' in outcome)
        done?.(Object.assign(new Error('no tunnel'), { failure: outcome }), outcome as never);
      else done?.(null, outcome);
    };
    const fail = (why: string, more: Pick<WireFailure, 'proxyStatus'> = {}): void => {
      const detail = `${proxy.origin} ${why}`;
      finish({ kind: 'failure', what: 'proxy', detail, sent: false, ...more });
    };
    const refused = (proxyStatus = 0): void =>
      fail(`answers with status ${proxyStatus}`, { proxyStatus });
    const connecting = requestHttp({
      host: proxy.hostname,
      port: proxy.port,
      method: 'CONNECT',
      path: authority,
      agent: false,
    });
    // no part of the options: NODE_DEBUG=net and http print those
    connecting.setHeader('Host', authority);
    if (proxy.authorization !== undefined)
      connecting.setHeader('Proxy-Authorization', proxy.authorization);
    onTunnel(connecting);
    if (unattended) connecting.on('socket', (socket) => socket.unref());
    connecting.on('error', ({ code }: NodeJS.ErrnoException) =>
      fail(`cannot be reached (${code ?? 'no code'})`),
    );
    connecting.on('response', (response) => {
      response.resume();
      connecting.destroy();
      refused(response.statusCode);
    });
    connecting.on('connect', ({ statusCode = 0 }, socket, head) => {
      // a server speaks only after the client in TLS: bytes here are not the server's
      if (statusCode !== 200 || head.length > 0) {
        socket.destroy();
        if (statusCode === 200) fail('answers more than it should');
        else refused(statusCode);
        return;
      }
      const secured = connectTls({ ...(options as ConnectionOptions), socket });
      onTunnel(secured);
      const failed = (error: Error): void => done?.(error, secured);
      secured.once('error', failed).once('secureConnect', () => {
        secured.off('error', failed);
        finish(secured);
      });
    });
    connecting.end();
    return undefined;
  };
}
