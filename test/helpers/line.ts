import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/** A line between clients and a server, which a test can cut, or stall. */
export interface Line {
  readonly port: number;
  /** Ends all connections, and each new one at once. */
  cut(): void;
  mend(): void;
  /** Reads nothing more from the clients that are connected. */
  stall(): void;
}

/** @param target - the server's port */
export async function startLine(target: number): Promise<Line> {
  const open = new Set<Socket>();
  let isCut = false;
  const server = createServer((client) => {
    client.on('error', () => {});
    if (isCut) {
      client.destroy();
      return;
    }
    const upstream = connect(target, '127.0.0.1');
    upstream.on('error', () => client.destroy());
    client.on('close', () => {
      upstream.destroy();
      open.delete(client);
    });
    open.add(client);
    client.pipe(upstream).pipe(client);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const cut = (): void => {
    isCut = true;
    for (const client of open) client.destroy();
  };
  onTestFinished(() => {
    cut();
    server.close();
  });
  return {
    port: (server.address() as AddressInfo).port,
    cut,
    mend: () => {
      isCut = false;
    },
    stall: () => {
      for (const client of open) client.unpipe().pause();
    },
  };
}
