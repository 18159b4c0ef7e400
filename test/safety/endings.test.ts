import { describe, expect, test } from 'vitest';
import { frame } from '../helpers/frames.ts';
import { startLibraryServer } from '../helpers/library-server.ts';
import { expectNoOpenSockets } from '../helpers/leftovers.ts';
import { closePayload, RawClient } from '../helpers/raw-client.ts';
import { RecordingHandler } from '../helpers/recording-handler.ts';
import { RecordingServerHandler } from '../helpers/recording-server-handler.ts';

describe('terminate(0) while TCP is being ended ends every connection, and leaves no socket open', () => {
  test.each([0, 1, 2, 3])('%d turns after the answer to a close frame', async (turnCount) => {
    const handler = new RecordingHandler({
      onMessage: (ws) => {
        const { wss } = ws as unknown as { wss: { terminate(timeout: number): void } };
        const terminateLater = (left: number): void =>
          left === 0 ? wss.terminate(0) : void setImmediate(() => terminateLater(left - 1));
        process.nextTick(terminateLater, turnCount);
      },
    });
    const server = new RecordingServerHandler({ onConnection: () => handler });
    const { web, wss } = await startLibraryServer(server);
    const client = await RawClient.open(web.HTTPPort);
    // The message and the close frame come in one read: the answer to the close frame leaves at the end of that turn.
    client.socket.write(Buffer.concat([frame('client', '81', '78'), frame('client', '88', closePayload(1000))]));
    await server.terminated;
    expect(handler.names).toEqual(['onOpen', 'onMessage', 'onTerminate']);
    expect(wss.connections).toEqual([]);
    client.socket.end();
    await client.closed;
    await web.stop();
    await expectNoOpenSockets();
  });
});
