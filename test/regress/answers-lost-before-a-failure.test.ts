import { describe, expect, test } from 'vitest';
import { WebSocket } from '../../src/index.ts';
import { frame } from '../helpers/frames.ts';
import { startServerOf } from '../helpers/library-server.ts';
import { RawClient } from '../helpers/raw-client.ts';
import { startRawServer } from '../helpers/raw-server.ts';

// A message and a malformed frame came in one chunk with the handshake. The malformed frame ended the connection while
// the message still waited behind onOpen, so onMessage could no longer answer.

const echo = {
  onMessage: (ws: { send(message: string): void }, { data }: { data: string }) => ws.send(data),
};

describe('RFC 6455 5.2: a message before a malformed frame', () => {
  test('RFC 6455 5.2: a client answers the message when both come with the 101', async () => {
    const server = await startRawServer();
    const client = new WebSocket(server.url, echo);
    const connection = await server.accept();
    connection.socket.write(
      Buffer.concat([
        Buffer.from(connection.answer(), 'latin1'),
        frame('server', '81', '6869'),
        frame('server', '83', ''),
      ]),
    );
    expect(await connection.frames.next()).toBe('81 6869');
    expect(await connection.frames.next()).toMatch(/^88 03ea/);
    connection.socket.end();
    expect(await client.ready).toBe(client);
  });

  test('RFC 6455 5.2: a server answers the message when both come with the request', async () => {
    const { web } = await startServerOf(echo);
    const behind = Buffer.concat([frame('client', '81', '6869'), frame('client', '83', '')]);
    const client = await RawClient.open(web.HTTPPort, { behind });
    expect(await client.nextFrame()).toBe('81 6869');
    expect(await client.nextClose()).toMatch(/^88 03ea/);
  });
});
