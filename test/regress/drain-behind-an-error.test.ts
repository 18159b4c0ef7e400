import { expect, onTestFinished, test } from 'vitest';
import { checkClientOptions } from '../../src/client/client-options.ts';
import { Session } from '../../src/session/session.ts';
import { mainWorker } from '../../src/workers/worker.ts';
import { MemoryTransport } from '../../src/transport/memory-transport.ts';
import { RecordingListener } from '../helpers/recording-listener.ts';
import { turns } from '../helpers/turns.ts';

/** The peer took what waited after the connection had failed, and onDrain invited the user to send more. */
test('nothing but onTerminate follows onError, also when the peer catches up', async () => {
  const calls: string[] = [];
  const handler = {
    onDrain: () => calls.push('onDrain'),
    onError: () => calls.push('onError'),
    onTerminate: () => calls.push('onTerminate'),
  };
  const limits = checkClientOptions({ maxBufferedBytes: 100_000 });
  const settings = { role: 'client', dataType: 'text', worker: mainWorker, limits } as const;
  const session = new Session({ subject: {} }, handler, settings);
  const [transport, peer] = MemoryTransport.pair();
  const listener = RecordingListener.on(peer, { reads: false });
  session.open(transport, Buffer.alloc(0), '', undefined);
  onTestFinished(async () => {
    session.destroy();
    await turns();
  });
  const message = 'x'.repeat(70_000);
  expect([session.send(message), session.send(message), session.send(message)]).toEqual(['sent', 'queued', 'dropped']);
  expect(calls).toEqual(['onError']);
  peer.resume();
  await listener.until(() => listener.byteCount > 140_000);
  await turns();
  expect(calls).toEqual(['onError']);
  peer.end();
  await turns();
  expect(calls).toEqual(['onError', 'onTerminate']);
});
