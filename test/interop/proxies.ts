import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { makeFolder } from '../helpers/folder.ts';
import { startProgram } from '../helpers/program.ts';
import type { Command, Tool } from './tools.ts';

/** A reverse proxy that can stand before a server of the library. */
export interface Proxy extends Tool {
  /** Starts the proxy. `folder` holds its configuration, in the file `config`, and what it writes. */
  readonly start: (folder: string) => Command;
  /**
   * Writes a configuration that listens on `port` of 127.0.0.1 and passes requests on to `upstream`.
   *
   * @param lines - settings that a test adds, each as a line of the configuration
   */
  readonly configure: (folder: string, port: number, upstream: number, lines: readonly string[]) => string;
}

export const nginx: Proxy = {
  name: 'nginx',
  version: ['nginx', '-v'],
  packages: 'nginx-light',
  start: (folder) => ['nginx', '-p', folder, '-c', join(folder, 'config'), '-e', 'stderr'],
  // The lines belong to the location.
  configure: (folder, port, upstream, lines) => `
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
    listen 127.0.0.1:${port};
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
  // The lines belong to the defaults.
  configure: (_folder, port, upstream, lines) => `
defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
  ${lines.join('\n  ')}
frontend web
  bind 127.0.0.1:${port}
  default_backend node
backend node
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
  configure: (_folder, port, upstream, lines) => `
{
  admin off
  auto_https off
}
http://:${port} {
  bind 127.0.0.1
  reverse_proxy 127.0.0.1:${upstream} {
    ${lines.join('\n    ')}
  }
}
`,
};

export const proxies: readonly Proxy[] = [nginx, haproxy, caddy];

/** Starts a proxy before a server. Resolves to the port of the proxy, which ends with the test. */
export async function startProxy(proxy: Proxy, upstream: number, lines: readonly string[] = []): Promise<number> {
  const port = await findFreePort();
  const folder = makeFolder();
  writeFileSync(join(folder, 'config'), proxy.configure(folder, port, upstream, lines));
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
