import { describe, expect, onTestFinished, test } from 'vitest';
import { frame } from '../../helpers/frames.ts';
import { type RawConnection, startRawServer } from '../../helpers/raw-server.ts';
import { turns } from '../../helpers/turns.ts';
import { HonestClient } from './honest-client.ts';
import { HonestLedger } from './honest-ledger.ts';
import { honestMessage } from './honest-message.ts';

/** Opens a client that has sent three messages to a server that has not answered yet. */
async function open(): Promise<{ client: HonestClient; ledger: HonestLedger; server: RawConnection }> {
  const ledger = new HonestLedger();
  const raw = await startRawServer();
  const [client, server] = await Promise.all([HonestClient.open(raw.port, 7, ledger), raw.open()]);
  onTestFinished(() => void server.socket.destroy());
  for (let i = 0; i < 3; i++) client.send();
  await server.frames.atLeast(3);
  return { client, ledger, server };
}

const answer = (number: number): Buffer => frame('server', '81', Buffer.from(honestMessage(7, number)));
const CLOSE = frame('server', '88', '03e8');

/** Closes the connection with a closing handshake. */
async function finish(client: HonestClient, server: RawConnection): Promise<void> {
  server.socket.write(CLOSE);
  server.socket.end();
  await client.leave();
}

async function untilAnswered(client: HonestClient, waiting: number): Promise<void> {
  for (let i = 0; i < 500 && client.waitingCount > waiting; i++) await turns();
}

describe('an honest client', () => {
  test('sends only different messages', async () => {
    const { client, server } = await open();
    expect(new Set(server.frames.all).size).toBe(3);
    expect(Buffer.from(server.frames.all[1]!.slice('81 '.length), 'hex').toString()).toBe(honestMessage(7, 1));
    void finish(client, server);
  });

  test('counts an answer for each message that comes back in order', async () => {
    const { client, ledger, server } = await open();
    server.socket.write(Buffer.concat([answer(0), answer(1), answer(2)]));
    await untilAnswered(client, 0);
    await Promise.all([client.leave(), server.frames.atLeast(4).then(() => server.socket.end(CLOSE))]);
    expect(ledger.report).toMatchObject({ sent: 3, answered: 3, lost: 0, doubled: 0, changed: 0, broken: [] });
    expect(ledger.report.latencies['before']?.count).toBe(3);
  });

  test('counts messages as lost that are left out in the middle or at the end', async () => {
    const { client, ledger, server } = await open();
    server.socket.write(answer(1));
    await untilAnswered(client, 1);
    await Promise.all([client.leave(), server.frames.atLeast(4).then(() => server.socket.end(CLOSE))]);
    expect(ledger.report).toMatchObject({ sent: 3, answered: 1, lost: 2, broken: [] });
  });

  test('counts answers that come twice or are changed', async () => {
    const { client, ledger, server } = await open();
    const changed = answer(1);
    changed[changed.length - 1]! ^= 1;
    server.socket.write(Buffer.concat([answer(0), answer(0), changed, answer(2)]));
    await untilAnswered(client, 0);
    expect(ledger.report).toMatchObject({ answered: 2, doubled: 1, changed: 1, lost: 1 });
    server.socket.end(CLOSE);
  });

  test.each([
    ['a close frame', (server: RawConnection) => server.socket.end(CLOSE), 'close frame 03e8'],
    ['a reset', (server: RawConnection) => server.socket.resetAndDestroy(), 'TCP ended'],
    ['an invalid frame', (server: RawConnection) => server.socket.write(Buffer.from('ff00', 'hex')), 'reserved'],
  ])('reports a broken connection for %s', async (_, end, reason) => {
    const { ledger, server } = await open();
    end(server);
    for (let i = 0; i < 500 && ledger.report.broken.length === 0; i++) await turns();
    expect(ledger.report.broken).toEqual([expect.stringContaining(reason)]);
    expect(ledger.report.lost).toBe(3);
  });
});
