import { once } from 'node:events';
import { expect, test } from 'vitest';
import { RecordingListener } from '../helpers/recording-listener.ts';
import { socketPairs, toTransports } from '../helpers/transport-pairs.ts';

test.each(['tcp', 'tls', 'unix'] as const)('sockets over %s read into one shared buffer', async (kind) => {
  const memories: ArrayBufferLike[] = [];
  for (let i = 0; i < 2; i++) {
    const [reader, writer] = toTransports(await socketPairs[kind](true));
    const heard = RecordingListener.on(reader);
    writer.write([Buffer.alloc(200_000, i)]);
    await heard.until(() => heard.byteCount >= 200_000);
    memories.push(...heard.memories);
    expect(heard.bytes.equals(Buffer.alloc(200_000, i))).toBe(true);
  }
  expect(new Set(memories).size).toBe(1);
});

test('bytes that the stream queues before anybody reads are a copy', async () => {
  const [reader, writer] = await socketPairs.tcp(true);
  const [other, otherWriter] = toTransports(await socketPairs.tcp(true));
  const heard = RecordingListener.on(other);
  writer.write(Buffer.alloc(5000, 1));
  await once(reader, 'readable');
  otherWriter.write([Buffer.alloc(5000, 2)]);
  await heard.until(() => heard.byteCount >= 5000);
  expect((reader.read() as Buffer).equals(Buffer.alloc(5000, 1))).toBe(true);
});
