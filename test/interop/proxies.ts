import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { SelfSigned } from '../helpers/certificate.ts';
import { makeFolder } from '../helpers/folder.ts';
import { startProgram } from '../helpers/program.ts';
import type { Command, Tool } from './tools.ts';

/** A reverse proxy that can stand before a server of the library. */
export interface Proxy extends Tool {
  /** Starts the proxy, whose configuration is the file `config` of `folder`. */
  readonly start: (folder: string) => Command;
  /** Builds a configuration that listens on `port` of 127.0.0.1 and passes requests on to `upstream`. */
  readonly configure: (configuration: Configuration) => string;
}

interface Configuration {
  /** Holds `cert.pem`, `key.pem` and, with both, `both.pem`; the proxy may write here. */
  readonly folder: string;
  readonly port: number;
  readonly upstream: number;
  /** Settings that a test adds. */
  readonly lines: readonly string[];
  /** Whether the proxy speaks TLS with its clients. */
  readonly isSecure: boolean;
}

export const nginx: Proxy = {
  name: 'nginx',
  version: ['nginx', '-v'],
  packages: 'nginx-light',
  start: (folder) => ['nginx', '-p', folder, '-c', join(folder, 'config'), '-e', 'stderr'],
  // The lines belong to the location.
  configure: ({ folder, port, upstream, lines, isSecure }) => `
daemon off;
master_process off;
pid ${folder}/pid;
events {}
http {
  access_log off;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  map $http_upgrade $connection_upgrade {
    default upgrade;
    '' close;
  }
  server {
    listen 127.0.0.1:${port}${isSecure ? ' ssl' : ''};
    ${isSecure ? `ssl_certificate ${folder}/cert.pem; ssl_certificate_key ${folder}/key.pem;` : ''}
    location / {
      proxy_pass http://127.0.0.1:${upstream};
      ${lines.join('\n      ')}
    }
  }
}
`,
};

export const haproxy: Proxy = {
  name: 'HAProxy',
  version: ['haproxy', '-v'],
  packages: 'haproxy',
  start: (folder) => ['haproxy', '-db', '-f', join(folder, 'config')],
  // The lines belong to the backend.
  configure: ({ folder, port, upstream, lines, isSecure }) => `
defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
frontend web
  bind 127.0.0.1:${port}${isSecure ? ` ssl crt ${folder}/both.pem` : ''}
  default_backend node
backend node
  ${lines.join('\n  ')}
  server node 127.0.0.1:${upstream}
`,
};

export const caddy: Proxy = {
  name: 'Caddy',
  version: ['caddy', 'version'],
  packages: 'caddy',
  start: (folder) => [
    'env',
    `HOME=${folder}`,
    'caddy',
    'run',
    '--adapter',
    'caddyfile',
    '--config',
    join(folder, 'config'),
  ],
  // The lines belong to reverse_proxy.
  configure: ({ folder, port, upstream, lines, isSecure }) => `
{
  admin off
  auto_https off
}
${isSecure ? 'https' : 'http'}://:${port} {
  bind 127.0.0.1
  ${isSecure ? `tls ${folder}/cert.pem ${folder}/key.pem` : ''}
  reverse_proxy 127.0.0.1:${upstream} {
    ${lines.join('\n    ')}
  }
}
`,
};

export const proxies: readonly Proxy[] = [nginx, haproxy, caddy];

/**
 * Starts a proxy before a server. Resolves to the port of the proxy, which ends with the test.
 *
 * @param tls - the certificate of the proxy; without it the proxy speaks plain HTTP
 */
export async function startProxy(
  proxy: Proxy,
  upstream: number,
  lines: readonly string[] = [],
  tls?: SelfSigned,
): Promise<number> {
  const port = await findFreePort();
  const folder = makeFolder(
    tls === undefined ? {} : { 'cert.pem': tls.cert, 'key.pem': tls.key, 'both.pem': `${tls.cert}\n${tls.key}` },
  );
  const isSecure = tls !== undefined;
  writeFileSync(join(folder, 'config'), proxy.configure({ folder, port, upstream, lines, isSecure }));
  const [command, ...args] = proxy.start(folder);
  const program = await startProgram(command, { args });
  while (!(await isListening(port))) {
    if (program.hasEnded) throw new Error(`${proxy.name} did not start:\n${program.output}`);
    await wait(10);
  }
  return port;
}

/** The proxies cannot choose a free port themselves. */
async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function isListening(port: number): Promise<boolean> {
  const socket = connect({ host: '127.0.0.1', port });
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
