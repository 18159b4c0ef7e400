import { Duplex } from 'node:stream';
import { expect, test } from 'vitest';
import { SocketTransport } from '../../src/transport/socket-transport.ts';
import { WriteBatch } from '../../src/connection/write-batch.ts';
import { NEVER_DETACHED } from '../helpers/never-detached.ts';

/**
 * Creates a stream that keeps the chunks written to it, as a PassThrough does, and reports each write as done at once.
 */
function keepingStream(): { transport: SocketTransport; kept: Buffer[] } {
  const kept: Buffer[] = [];
  const stream = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      kept.push(chunk);
      done();
    },
  });
  return { transport: new SocketTransport(stream), kept };
}

function send(batch: WriteBatch, text: string): void {
  const offset = batch.reserve(text.length);
  batch.commit(batch.buffer.write(text, offset));
  batch.flush();
}

/** The next connection wrote into memory that the stream still kept, so a peer could read the data of another peer. */
test('no connection writes into memory that the stream of another connection keeps', () => {
  const first = keepingStream();
  const second = keepingStream();
  send(new WriteBatch(first.transport, NEVER_DETACHED), 'for the first peer');
  send(new WriteBatch(second.transport, NEVER_DETACHED), 'FOR THE SECOND ONE');
  expect(first.kept.toString()).toBe('for the first peer');
  expect(second.kept.toString()).toBe('FOR THE SECOND ONE');
});
