import { Observed } from '../../src/diagnostics/observed.ts';
import { expect, onTestFinished, test } from 'vitest';
import { parseClientOptions } from '../../src/client/client-options.ts';
import { ClientSession } from '../../src/client/client-session.ts';
import { openConnection } from '../../src/session/open-connection.ts';
import { mainWorker } from '../../src/workers/worker.ts';
import { scopeIn } from '../helpers/scope-in.ts';
import { MemoryTransport } from '../../src/transport/memory-transport.ts';
import { RecordingListener } from '../helpers/recording-listener.ts';
import { turns } from '../helpers/turns.ts';

/** The connection had failed; then the peer read the waiting bytes, and onDrain invited the user to send more. */
test('only onTerminate follows onError, even when the peer catches up', async () => {
  const calls: string[] = [];
  const handler = {
    onDrain: () => calls.push('onDrain'),
    onError: () => calls.push('onError'),
    onTerminate: () => calls.push('onTerminate'),
  };
  const limits = parseClientOptions({ maxBufferedBytes: 100_000 }).limits;
  const settings = { dataType: 'text', scope: scopeIn(mainWorker), limits, observed: new Observed('client') } as const;
  const owner = {
    subject: {},
    connectPhase: 'handshake',
    giveUpConnecting() {},
    onOpened() {},
    onFinished() {},
  } as const;
  const session = new ClientSession(owner, handler, settings, undefined);
  const [transport, peer] = MemoryTransport.pair();
  const listener = RecordingListener.on(peer, { reads: false });
  const opened = { transport, head: Buffer.alloc(0), answer: '', compression: undefined };
  session.open(openConnection(opened, 'client', session, limits));
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
