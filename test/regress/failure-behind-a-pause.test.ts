import { expect, test } from 'vitest';
import { parseClientOptions } from '../../src/client/client-options.ts';
import { FourDError } from '../../src/errors.ts';
import { Connection } from '../../src/connection/connection.ts';
import { MemoryTransport } from '../../src/transport/memory-transport.ts';
import { FakeCompression } from '../helpers/fake-compression.ts';
import { frame } from '../helpers/frames.ts';
import { RecordingConnectionListener } from '../helpers/recording-connection-listener.ts';
import { turns } from '../helpers/turns.ts';

/**
 * A message was inflated while reading was paused; then the connection failed, as when a callback throws. Reading did
 * not go on, so the end of the stream was not noticed, and onTerminate came only after closeTimeoutMs.
 */
test('a connection that fails while paused behind an inflated message ends as soon as its peer does', async () => {
  const [transport, peer] = MemoryTransport.pair();
  const heard = new RecordingConnectionListener();
  const compression = new FakeCompression(false);
  const connection = new Connection(transport, Buffer.alloc(0), {
    ...parseClientOptions({ closeTimeoutMs: Infinity }).limits,
    compression,
    role: 'server',
    decodesText: true,
  });
  connection.start(heard);
  connection.resume();
  peer.start({ onBytes: () => {}, onWritable: () => {}, onEnd: () => peer.end(), onClosed: () => {} });
  peer.resume();
  peer.write([frame('client', 'c1', '6461')]);
  await turns();
  expect(compression.jobs).toBe(1);
  connection.pause();
  compression.finishJob();
  connection.fail(new FourDError('ERR_CALLBACK_FAILED', 'a callback failed', { componentSignature: 'HTTP' }));
  await heard.untilTerminated();
  expect(heard.events).toEqual(['closing', 'error ERR_CALLBACK_FAILED 1011', 'terminated 1011 unclean']);
});
