import { describe, expect, test } from 'vitest';
import { FourDError } from '../../src/index.ts';
import { recordingHandler } from '../../src/testing.ts';
import { createDeferred } from '../helpers/deferred.ts';
import { recordErrors } from '../helpers/error-handlers.ts';
import { hex } from '../helpers/frames.ts';
import { startServerOf } from '../helpers/library-server.ts';
import type { Peer } from '../helpers/peer.ts';
import { DATA_TYPES, sides } from '../helpers/sides.ts';
import { UndiciPeer } from '../helpers/undici-peer.ts';
import { turns } from '../helpers/turns.ts';

const TEXTS = [
  'é€😀',
  'plain',
  'a'.repeat(125),
  '€'.repeat(42),
  'b'.repeat(126),
  '😀'.repeat(20_000),
  'c'.repeat(65_536),
  '\u0000\u007F\u0080\u07FF\u0800\uFFFF\u{10000}\u{10FFFF}',
];

/** Payload lengths around each form of the length field, and around the size from which on bytes are not copied. */
const LENGTHS = [1, 125, 126, 127, 16_383, 16_384, 65_535, 65_536, 300_001];

/** Returns the length of a message by its number: small and big messages in turn. */
function lengthOf(i: number): number {
  return LENGTHS[i % LENGTHS.length]! >> (i % 5);
}

function bytesOf(length: number): Buffer {
  return Buffer.from(Uint8Array.from({ length }, (_, i) => (i * 7 + (i >> 8)) & 0xff));
}

/**
 * Compares the peer's next message with what is expected. Buffer.equals is used because toEqual is slow on long
 * buffers.
 */
async function expectNext(peer: Peer, kind: 'text' | 'binary', expected: Buffer): Promise<void> {
  const { bytes, isBinary } = await peer.messages.next();
  expect(isBinary ? 'binary' : 'text').toBe(kind);
  expect(bytes).toHaveLength(expected.length);
  expect(bytes.equals(expected)).toBe(true);
}

describe.each(sides)('on the $name side', (side) => {
  const invalidMessage = {
    errCode: -20_010,
    message: expect.any(String) as string,
    componentSignature: side.component,
  };

  describe.each(DATA_TYPES)('with dataType "%s"', (dataType) => {
    test('4D-117 4D-120 send(text) is a text frame in UTF-8', async () => {
      const { ws, peer } = await side.connect({ dataType });
      for (const text of TEXTS) {
        ws.send(text);
        await expectNext(peer, 'text', Buffer.from(text, 'utf8'));
      }
    });

    test('4D-118 4D-120 send(bytes) is a binary frame with the same bytes', async () => {
      const { ws, peer } = await side.connect({ dataType });
      for (const length of LENGTHS) {
        const bytes = bytesOf(length);
        ws.send(bytes);
        await expectNext(peer, 'binary', bytes);
        expect(bytes.equals(bytesOf(length))).toBe(true);
      }
    });

    test('4D-119 4D-120 send(object) is a text frame equal to JSON.stringify(object)', async () => {
      const { ws, peer } = await side.connect({ dataType });
      const objects = [
        { name: 'Ryan', tags: ['é', '€', '😀'], nested: { left: null, right: 1.5e300, gone: undefined } },
        [1, 'two', { three: 3 }],
        {},
        [],
        new Date(0),
        { at: new Date(0), toJSON: () => ({ replaced: true }) },
        Object.assign(Object.create(null) as object, { bare: true }),
      ];
      for (const object of objects) {
        ws.send(object);
        await expectNext(peer, 'text', Buffer.from(JSON.stringify(object), 'utf8'));
      }
    });
  });

  test('4D-117 the frame of a short text has opcode 1, and its payload is UTF-8', async () => {
    const { ws, frames } = await side.connectRaw();
    ws.send('é€😀');
    expect(await frames.atLeast(1)).toEqual(['81 c3a9e282acf09f9880']);
  });

  test('4D-117 text arrives unchanged in both directions', async () => {
    const { ws, peer, handler } = await side.connect();
    for (const text of TEXTS) {
      peer.send(text);
      expect(await handler.nextMessage()).toBe(text);
      ws.send(text);
      expect(await peer.nextText()).toBe(text);
    }
  });

  test('4D-118 the frame of bytes has opcode 2', async () => {
    const { ws, frames } = await side.connectRaw();
    ws.send(hex('00ff80c3'));
    expect(await frames.atLeast(1)).toEqual(['82 00ff80c3']);
  });

  test('4D-118 a view sends its own part of the memory, an ArrayBuffer sends all of it', async () => {
    const { ws, frames } = await side.connectRaw();
    const memory = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8).buffer;
    ws.send(new Uint8Array(memory, 1, 3));
    ws.send(new DataView(memory, 6));
    ws.send(new Uint16Array(memory, 2, 1));
    ws.send(memory);
    expect(await frames.atLeast(4)).toEqual(['82 020304', '82 0708', '82 0304', '82 0102030405060708']);
  });

  test('4D-119 the frame of an object has opcode 1', async () => {
    const { ws, frames } = await side.connectRaw();
    ws.send({ é: 1 });
    ws.send([]);
    expect(await frames.atLeast(2)).toEqual([`81 ${Buffer.from('{"é":1}').toString('hex')}`, '81 5b5d']);
  });

  test('4D-121 with dataType "text" data is a string', async () => {
    const { peer, handler } = await side.connect({ dataType: 'text' });
    peer.send('hello');
    expect(await handler.nextMessage()).toBe('hello');
    peer.send('{"not":"parsed"}');
    expect(await handler.nextMessage()).toBe('{"not":"parsed"}');
  });

  test('4D-121 without a dataType data is a string', async () => {
    const { peer, handler } = await side.connect();
    peer.send('hello');
    expect(await handler.nextMessage()).toBe('hello');
  });

  test('4D-121 the event of a message has type, data and isBinary, and nothing else', async () => {
    const receivers: unknown[] = [];
    const { peer, handler, ws } = await side.connect({ onMessage: (receiver) => void receivers.push(receiver) });
    peer.send('hello');
    await handler.nextMessage();
    expect(handler.events.at(-1)).toEqual({ type: 'message', data: 'hello', isBinary: false });
    expect(receivers[0]).toBe(ws);
  });

  test('4D-122 with dataType "blob" data of a binary frame is a Buffer with the same bytes', async () => {
    const { peer, handler } = await side.connect({ dataType: 'blob' });
    for (const length of LENGTHS) {
      peer.send(bytesOf(length));
      const data = await handler.nextMessage();
      expect(Buffer.isBuffer(data)).toBe(true);
      expect(bytesOf(length).equals(data as Buffer)).toBe(true);
    }
  });

  test('4D-122 later messages do not change the bytes of a received message', async () => {
    const { send, handler } = await side.connectRaw({ dataType: 'blob' });
    const payloads = Array.from({ length: 200 }, (_, i) => Buffer.alloc(100, i));
    send(...payloads.map((payload) => ['82', payload] as const));
    await handler.nextMessages(200);
    // The events hold the bytes themselves, and not copies as `messages`.
    const seen = handler.eventsOf('message').map(({ data }) => data as Buffer);
    send(...payloads.map(() => ['82', Buffer.alloc(100, 0xee)] as const));
    await handler.nextMessages(200);
    for (const [i, payload] of payloads.entries()) expect(seen[i]!.equals(payload), String(i)).toBe(true);
  });

  test('4D-123 with dataType "object" data of a JSON text is the parsed object', async () => {
    const { peer, handler } = await side.connect({ dataType: 'object' });
    const object = { name: 'Ryan', tags: ['é', '😀'], nested: { deep: [null, true, 1.5] } };
    peer.send(JSON.stringify(object));
    expect(await handler.nextMessage()).toEqual(object);
    peer.send(' { "spaced" : 1 } ');
    expect(await handler.nextMessage()).toEqual({ spaced: 1 });
  });

  test('4D-124 with dataType "text" a binary frame that holds UTF-8 is decoded', async () => {
    const { peer, handler } = await side.connect({ dataType: 'text' });
    for (const text of TEXTS) {
      peer.send(Buffer.from(text, 'utf8'));
      expect(await handler.nextMessage()).toBe(text);
    }
  });

  test('4D-124 with dataType "text" a binary frame that is not UTF-8 is an error, closed with 1007', async () => {
    const { peer, handler } = await side.connect({ dataType: 'text' });
    peer.send(hex('c328'));
    expect((await peer.closed).code).toBe(1007);
    expect(await handler.ended()).toMatchObject({ code: 1007, wasClean: false });
    expect(handler.callbacks).toEqual(['onOpen', 'onError', 'onTerminate']);
  });

  test('4D-125 with dataType "blob" a text frame gives a Buffer with its UTF-8 bytes', async () => {
    const { peer, handler } = await side.connect({ dataType: 'blob' });
    for (const text of TEXTS) {
      peer.send(text);
      const data = await handler.nextMessage();
      expect(Buffer.isBuffer(data)).toBe(true);
      expect(Buffer.from(text, 'utf8').equals(data as Buffer)).toBe(true);
    }
  });

  test.each(DATA_TYPES)('4D-210 with dataType "%s" isBinary tells how a message came', async (dataType) => {
    const { peer, handler } = await side.connect({ dataType });
    peer.send('1');
    peer.send(Buffer.from('2'));
    await handler.nextMessages(2);
    expect(handler.eventsOf('message')).toMatchObject([{ isBinary: false }, { isBinary: true }]);
  });

  test.each([
    ['plain', {}],
    ['compressed', { compression: { thresholdBytes: 0 } }],
    ['borrowed', { borrowed: true }],
  ] as const)('4D-210 with dataType "auto" data is a string or a Buffer, as sent: %s', async (_how, options) => {
    const expected = TEXTS.flatMap((text) => [text, `bytes ${Buffer.from(text).toString('hex')}`]);
    // Borrowed bytes are read while the callback runs.
    const described: string[] = [];
    const onMessage = (_ws: unknown, { data }: { data: unknown }): void =>
      void described.push(Buffer.isBuffer(data) ? `bytes ${data.toString('hex')}` : (data as string));
    const { peer, handler } = await side.connect({ dataType: 'auto', onMessage }, options);
    for (const text of TEXTS) {
      peer.send(text);
      peer.send(Buffer.from(text));
    }
    await handler.nextMessages(expected.length);
    expect(described).toEqual(expected);
  });

  test('4D-126 with dataType "object" a binary frame that holds JSON is parsed', async () => {
    const { peer, handler } = await side.connect({ dataType: 'object' });
    peer.send(Buffer.from('{"é":"€😀"}', 'utf8'));
    expect(await handler.nextMessage()).toEqual({ é: '€😀' });
  });

  test('4D-127 with dataType "object" an array and single values are data too', async () => {
    const { peer, handler } = await side.connect({ dataType: 'object' });
    const values = [[1, 2], 42, 'text', true, null, [], {}];
    for (const value of values) peer.send(JSON.stringify(value));
    await handler.nextMessages(values.length);
    expect(handler.messages).toEqual(values);
    expect(Array.isArray(handler.messages[0])).toBe(true);
  });

  describe.each([
    ['a text frame', '{"broken":', false],
    ['an empty text frame', '', false],
    ['a binary frame', '{"broken":', true],
    ['two values', '{}{}', false],
    ['undefined', 'undefined', false],
  ] as const)('%s without valid JSON', (_what, content, binary) => {
    test('4D-128 there is no onMessage, one onError, a close with 1007, then onTerminate', async () => {
      const { peer, handler, ws } = await side.connect({ dataType: 'object' });
      peer.socket.send(content, { binary });
      peer.send('{"after":1}');
      expect(await peer.closed).toEqual({ code: 1007, reason: '' });
      expect(await handler.ended()).toMatchObject({ code: 1007, wasClean: false });
      expect(handler.callbacks).toEqual(['onOpen', 'onError', 'onTerminate']);
      expect(handler.errors[0]!.errors).toEqual([
        { errCode: 1007, message: expect.any(String) as string, componentSignature: side.component },
      ]);
      expect(handler.errors[0]!.error.code).toBe('ERR_INVALID_JSON');
      expect(ws.status).toBe('Closed');
    });
  });

  test('4D-128 the error does not quote the message', async () => {
    const { peer, handler } = await side.connect({ dataType: 'object' });
    peer.send('{"password":"secret');
    await handler.ended();
    expect(handler.errors[0]!.error.message).not.toContain('secret');
  });

  test.each([
    ['a byte that is none', 'ff'],
    ['a cut sequence', 'e282'],
    ['an overlong form', 'c0af'],
    ['a surrogate', 'eda080'],
    ['a value beyond U+10FFFF', 'f4908080'],
    ['good text in front', '68656c6c6f80'],
  ])('4D-129 a text frame with invalid UTF-8 (%s) is an error, closed with 1007', async (_what, payload) => {
    for (const dataType of DATA_TYPES) {
      const { send, frames, handler, end } = await side.connectRaw({ dataType });
      send(['81', payload], ['81', '6f6b']);
      expect(await frames.atLeast(1)).toEqual(['88 03ef']);
      end();
      expect(await handler.ended()).toMatchObject({ code: 1007, wasClean: false });
      expect(handler.callbacks).toEqual(['onOpen', 'onError', 'onTerminate']);
      expect(handler.errors[0]!.error.code).toBe('ERR_INVALID_UTF8');
    }
  });

  test('4D-129 a UTF-8 sequence that two fragments share is valid, a sequence that the last fragment cuts is not', async () => {
    const { send, frames, handler, end } = await side.connectRaw();
    send(['01', 'e2'], ['80', '82ac']);
    expect(await handler.nextMessage()).toBe('€');
    send(['01', '61'], ['80', 'e282']);
    expect(await frames.atLeast(1)).toEqual(['88 03ef']);
    end();
    await handler.ended();
    expect(handler.callbacks).toEqual(['onOpen', 'onMessage', 'onError', 'onTerminate']);
  });

  test('4D-130 send("") arrives as an empty text, and an empty text as an empty string', async () => {
    const { ws, peer, handler } = await side.connect();
    ws.send('');
    await expectNext(peer, 'text', Buffer.alloc(0));
    peer.send('');
    expect(await handler.nextMessage()).toBe('');
  });

  test('4D-130 send(empty bytes) arrives as empty bytes, and empty bytes as an empty Buffer', async () => {
    const { ws, peer, handler } = await side.connect({ dataType: 'blob' });
    ws.send(new Uint8Array());
    await expectNext(peer, 'binary', Buffer.alloc(0));
    ws.send(new ArrayBuffer(0));
    await expectNext(peer, 'binary', Buffer.alloc(0));
    peer.send(new Uint8Array());
    const data = await handler.nextMessage();
    expect(Buffer.isBuffer(data)).toBe(true);
    expect(data).toHaveLength(0);
  });

  test.each([
    ['undefined', undefined],
    ['null', null],
    ['5', 5],
    ['true', true],
    ['a symbol', Symbol('secret')],
    ['a bigint', 5n],
    ['a function', () => 'secret'],
    ['a promise', Promise.resolve('secret')],
    ['a Blob', new Blob(['secret'])],
    ['a Map', new Map([['secret', 'secret']])],
    ['an Error', new Error('secret')],
  ])('4D-131 send(%s) generates an error, sends nothing, and the socket stays open', async (_what, message) => {
    const { ws, frames, handler } = await side.connectRaw();
    expect(() => ws.send(message as never)).toThrow(FourDError);

    const calls = recordErrors();
    expect(ws.send(message as never)).toBe('dropped');
    expect(calls).toEqual([[invalidMessage]]);
    expect(calls[0]![0]!.message).not.toContain('secret');

    expect(ws.status).toBe('Connected');
    ws.send('after');
    await frames.atLeast(1);
    await turns();
    expect(frames.all).toEqual([`81 ${Buffer.from('after').toString('hex')}`]);
    expect(handler.callbacks).toEqual(['onOpen']);
  });

  test('4D-132 send of a cyclic object generates an error, sends nothing, and the socket stays open', async () => {
    const { ws, frames, handler } = await side.connectRaw();
    const cyclic: { self?: object } = {};
    cyclic.self = cyclic;
    expect(() => ws.send(cyclic)).toThrow(FourDError);

    const calls = recordErrors();
    ws.send(cyclic);
    ws.send([1, [cyclic]]);
    expect(calls).toEqual([[invalidMessage], [invalidMessage]]);

    expect(ws.status).toBe('Connected');
    ws.send('after');
    await frames.atLeast(1);
    await turns();
    expect(frames.all).toEqual([`81 ${Buffer.from('after').toString('hex')}`]);
    expect(handler.callbacks).toEqual(['onOpen']);
  });

  describe('4D-133', () => {
    test('4D-133 send while Closing or Closed sends nothing and raises nothing', async () => {
      const { ws, frames, send, end, handler } = await side.connectRaw();
      const calls = recordErrors();
      const sendAll = (): void => {
        for (const message of ['text', Buffer.alloc(70_000), { an: 'object' }, undefined, 5]) {
          ws.send(message as never);
        }
      };
      ws.terminate(4000, 'bye');
      expect(ws.status).toBe('Closing');
      sendAll();
      await frames.atLeast(1);
      sendAll();
      send(['88', '0fa0']);
      end();
      await handler.ended();
      expect(ws.status).toBe('Closed');
      sendAll();
      await turns();
      expect(frames.all).toEqual(['88 0fa0627965']);
      expect(calls).toEqual([]);
    });

    test('4D-133 send after the close frame of the peer sends nothing but the answer', async () => {
      const gate = createDeferred();
      const { ws, frames, send, end, handler } = await side.connectRaw({
        onMessage: () => gate.promise,
      });
      const calls = recordErrors();
      send(['81', '61'], ['88', '0fa2646f6e65']);
      expect(await frames.atLeast(1)).toEqual(['88 0fa2']);
      expect(ws.status).toBe('Closing');
      ws.send('too late');
      gate.resolve();
      end();
      expect(await handler.ended()).toMatchObject({ code: 4002, reason: 'done', wasClean: true });
      await turns();
      expect(frames.all).toEqual(['88 0fa2']);
      expect(calls).toEqual([]);
    });

    test('4D-133 send inside onError and onTerminate raises nothing', async () => {
      const calls = recordErrors();
      const { peer, handler } = await side.connect({
        onError: (ws) => ws.send('too late'),
        onTerminate: (ws) => ws.send('too late'),
      });
      peer.cut();
      await handler.ended();
      await turns();
      expect(handler.callbacks).toEqual(['onOpen', 'onError', 'onTerminate']);
      expect(calls).toEqual([]);
      expect(peer.messages.all).toEqual([]);
    });
  });

  test('4D-134 a thousand sends arrive in order', async () => {
    const { ws, peer } = await side.connect();
    const texts = Array.from({ length: 1000 }, (_, i) => `message ${i}`);
    for (const text of texts) ws.send(text);
    await peer.messages.atLeast(1000);
    expect(peer.messages.all.map(({ bytes }) => bytes.toString())).toEqual(texts);
  });

  test('4D-134 a thousand sends of all kinds and lengths, over several turns, arrive in order', async () => {
    const { ws, peer } = await side.connect();
    for (let i = 0; i < 1000; i++) {
      if (i % 3 === 0) ws.send(Buffer.alloc(lengthOf(i) + 4, i & 0xff).fill(Buffer.of(i >> 8, i & 0xff), 0, 2));
      else if (i % 3 === 1) ws.send(`${i}:${'é'.repeat(lengthOf(i))}`);
      else ws.send({ i, text: '😀'.repeat(lengthOf(i) >> 4) });
      if (i % 100 === 99) await turns(1);
    }
    await peer.messages.atLeast(1000);
    const numbers = peer.messages.all.map(({ bytes, isBinary }) => {
      if (isBinary) return bytes.readUInt16BE(0);
      const text = bytes.toString();
      return text.startsWith('{') ? (JSON.parse(text) as { i: number }).i : Number.parseInt(text, 10);
    });
    expect(numbers).toEqual(Array.from({ length: 1000 }, (_, i) => i));
    expect(peer.messages.all.every(({ isBinary }, i) => isBinary === (i % 3 === 0))).toBe(true);
  });

  test('4D-134 a thousand messages of the peer are delivered in order', async () => {
    const { peer, handler } = await side.connect();
    const texts = Array.from({ length: 1000 }, (_, i) => `message ${i} ${'x'.repeat(i)}`);
    for (const text of texts) peer.send(text);
    expect(await handler.nextMessages(1000)).toEqual(texts);
  });

  test('4D-135 a fragmented message arrives as one onMessage', async () => {
    const { peer, handler } = await side.connect();
    peer.socket.send('Hel', { fin: false });
    peer.socket.send('lo, ', { fin: false });
    peer.socket.ping('between');
    peer.socket.send('', { fin: false });
    peer.socket.send('world', { fin: true });
    peer.send('next');
    expect(await handler.nextMessages(2)).toEqual(['Hello, world', 'next']);
    expect(handler.callbacks).toEqual(['onOpen', 'onMessage', 'onMessage']);
  });

  test('4D-135 a fragmented binary message arrives as one onMessage', async () => {
    const { peer, handler } = await side.connect({ dataType: 'blob' });
    const pieces = LENGTHS.map((length) => bytesOf(length));
    for (const piece of pieces) peer.socket.send(piece, { fin: false });
    peer.socket.send(Buffer.alloc(0), { fin: true });
    expect(Buffer.concat(pieces).equals((await handler.nextMessage()) as Buffer)).toBe(true);
    expect(handler.messages).toHaveLength(1);
  });

  test('4D-135 fragments in separate packets arrive as one onMessage', async () => {
    const { send, handler } = await side.connectRaw({ dataType: 'object' });
    const json = JSON.stringify({ text: 'é€😀', list: [1, 2, 3] });
    const bytes = Buffer.from(json);
    for (const [i, byte] of bytes.entries()) {
      const isLast = i === bytes.length - 1;
      send([`${isLast ? '8' : '0'}${i === 0 ? '1' : '0'}`, Buffer.of(byte)]);
      await turns(1);
    }
    expect(await handler.nextMessage()).toEqual(JSON.parse(json));
    expect(handler.messages).toHaveLength(1);
  });
});

describe('a server of the library and the WebSocket of undici, which has the interface of browsers', () => {
  test('4D-117 4D-121 4D-130 texts arrive unchanged in both directions', async () => {
    const handler = recordingHandler({ onMessage: (ws, { data }) => ws.send(data) });
    const { url } = await startServerOf(handler);
    const peer = new UndiciPeer(url);
    await peer.opened;
    const texts = [...TEXTS, ''];
    for (const text of texts) peer.socket.send(text);
    expect(await peer.messages.atLeast(texts.length)).toEqual(texts);
    expect(handler.messages).toEqual(texts);
  });

  test('4D-118 4D-122 4D-130 bytes arrive unchanged in both directions', async () => {
    const handler = recordingHandler<'blob'>({ onMessage: (ws, { data }) => ws.send(data) });
    const { url } = await startServerOf(handler, { dataType: 'blob' });
    const peer = new UndiciPeer(url);
    await peer.opened;
    for (const length of [0, ...LENGTHS]) {
      peer.socket.send(bytesOf(length));
      const echo = await peer.messages.next();
      expect(echo).toBeInstanceOf(ArrayBuffer);
      expect(Buffer.from(echo as ArrayBuffer).equals(bytesOf(length))).toBe(true);
    }
    expect(handler.messages.every((data) => Buffer.isBuffer(data))).toBe(true);
  });

  test('4D-119 4D-123 objects arrive unchanged in both directions', async () => {
    const handler = recordingHandler({ onMessage: (ws, { data }) => ws.send({ echo: data }) });
    const { url } = await startServerOf(handler, { dataType: 'object' });
    const peer = new UndiciPeer(url);
    await peer.opened;
    peer.socket.send('{"name":"Ryan","tags":["é","😀"]}');
    expect(await peer.messages.next()).toBe('{"echo":{"name":"Ryan","tags":["é","😀"]}}');
    expect(handler.messages).toEqual([{ name: 'Ryan', tags: ['é', '😀'] }]);
  });

  test('4D-128 the client gets 1007 for a message that is not JSON', async () => {
    const handler = recordingHandler();
    const { url } = await startServerOf(handler, { dataType: 'object' });
    const peer = new UndiciPeer(url);
    await peer.opened;
    peer.socket.send('{');
    expect(await peer.closed).toMatchObject({ code: 1007, reason: '' });
    await handler.ended();
    expect(handler.callbacks).toEqual(['onOpen', 'onError', 'onTerminate']);
  });
});
