import { beforeEach, describe, expect, test } from 'vitest';
import type { FourDError } from '../../src/errors.ts';
import { FakeHost, type Frame, settle } from './client-harness.ts';

let host: FakeHost;

beforeEach(() => {
  host = new FakeHost();
});

/** Follows a call: what it resolved to, or the code of its error with what it says of the storage. */
function follow(promise: Promise<unknown>): { outcome: unknown } {
  const followed: { outcome: unknown } = { outcome: undefined };
  promise.then(
    (value) => (followed.outcome = value),
    ({ code, stored }: FourDError) => (followed.outcome = stored === undefined ? code : [code, stored]),
  );
  return followed;
}

const dataOf = (frames: readonly Frame[]): unknown[] => frames.map(({ data }) => data);

describe('a publication', () => {
  test('carries its data, options and a random id, and resolves to its position', async () => {
    host.open();
    const published = follow(host.publish('room', { a: 1 }, { key: 'k', ttl: 5 }));
    const own = follow(host.publish('room', null, { idempotencyKey: 'the-key-of-the-user' }));
    void host.publish('room', Uint8Array.of(104, 105));
    await settle();
    expect(host.taken()).toEqual([
      { t: 'pub', topic: 'room', data: { a: 1 }, key: 'k', ttl: 5, mid: 'random-id-000001', id: 1 },
      { t: 'pub', topic: 'room', data: null, mid: 'the-key-of-the-user', id: 2 },
      { t: 'pub', topic: 'room', data: { b64: 'aGk=' }, mid: 'random-id-000002', id: 3 },
    ]);
    host.gets({ t: 'ok', id: 2, pos: 'e.1.t', dup: true }, { t: 'ok', id: 1, pos: 'e.2.t' }, { t: 'ok', id: 9 });
    await settle();
    expect(published.outcome).toEqual({ position: 'e.2.t', duplicate: false });
    expect(own.outcome).toEqual({ position: 'e.1.t', duplicate: true });
  });

  test('goes out behind the subscriptions that were made before', async () => {
    host.open();
    host.subscribe('room', {});
    void host.publish('room', 1);
    await settle();
    expect(host.taken().map(({ t }) => t)).toEqual(['sub', 'pub']);
  });

  test('is sent again with the same id, in order and before newer ones', async () => {
    const calls = [1, 2, 3].map((data) => follow(host.publish('room', data)));
    await settle();
    expect(host.taken()).toEqual([]);
    host.open();
    const [first, second] = host.taken();
    host.gets({ t: 'ok', id: 1, pos: 'e.1.t' });
    host.lose();
    calls.push(follow(host.publish('room', 4)));
    await settle();
    host.open();
    void host.publish('room', 5);
    await settle();
    const again = host.taken();
    expect(dataOf(again)).toEqual([2, 3, 4, 5]);
    expect([first, again[0]]).toEqual([expect.objectContaining({ mid: 'random-id-000001' }), second]);
    host.gets(...[2, 3, 4].map((id) => ({ t: 'ok', id, pos: `e.${id}.t` })));
    await settle();
    expect(calls.map(({ outcome }) => (outcome as { position: string }).position)).toEqual([
      'e.1.t',
      'e.2.t',
      'e.3.t',
      'e.4.t',
    ]);
  });

  test('is unknown 100 s after it was first sent, whatever was sent again since', async () => {
    const call = follow(host.publish('room', 1));
    await settle();
    host.pass(1_000_000);
    host.open();
    host.pass(99_999);
    host.lose();
    host.open();
    await settle();
    expect([call.outcome, host.taken().length]).toEqual([undefined, 2]);
    host.pass(1);
    await settle();
    expect(call.outcome).toEqual(['ERR_PUBLISH_UNKNOWN', 'unknown']);
    host.lose();
    host.open();
    expect([host.taken(), host.timerCount]).toEqual([[], 0]);
  });

  test('fails when the client is over: stored or not if it was sent, not stored otherwise', async () => {
    host.open();
    const sent = follow(host.publish('room', 1));
    await settle();
    host.lose();
    const unsent = follow(host.publish('room', 2));
    await settle();
    host.end();
    const late = follow(host.publish('room', 3));
    await settle();
    expect([sent, unsent, late].map(({ outcome }) => outcome)).toEqual([
      ['ERR_PUBLISH_UNKNOWN', 'unknown'],
      ['ERR_NOT_CONNECTED', 'no'],
      ['ERR_NOT_CONNECTED', 'no'],
    ]);
    expect(host.timerCount).toBe(0);
  });

  test('fails with the words of the server, and where topics are off', async () => {
    host.open();
    const refused = host.publish('room', 1);
    await settle();
    host.gets({ t: 'err', id: 1, code: 'denied', message: 'not yours' });
    await expect(refused).rejects.toMatchObject({
      code: 'ERR_TOPIC_REFUSED',
      stored: 'no',
      message: 'denied: not yours',
    });
    const doubtful = host.publish('room', 1);
    await settle();
    host.gets({ t: 'err', id: 2, code: 'broker-down', message: 'away' });
    await expect(doubtful).rejects.toMatchObject({ code: 'ERR_TOPIC_REFUSED', stored: 'unknown' });
    host.lose();
    const waiting = follow(host.publish('room', 2));
    await settle();
    host.open('chat');
    await settle();
    expect(waiting.outcome).toEqual(['ERR_NOT_CONNECTED', 'no']);
    await expect(host.publish('room', 3)).rejects.toMatchObject({ code: 'ERR_TOPICS_OFF' });
    await expect(host.request(1)).rejects.toMatchObject({ code: 'ERR_TOPICS_OFF' });
  });

  test('with options that cannot be read throws, and leaves no rejection that nobody has', async () => {
    expect(() => host.publish('room', 1, null as never)).toThrow(TypeError);
    await settle();
    expect(host.taken()).toEqual([]);
  });

  test('that is volatile is neither kept for a connection nor sent again, and its loss ends no program', async () => {
    void host.publish('room', 1, { volatile: true });
    await expect(host.publish('room', 2, { volatile: true })).rejects.toMatchObject({ stored: 'no' });
    host.open();
    const sent = host.publish('room', 3, { volatile: true });
    await settle();
    expect(host.taken()).toEqual([{ t: 'pub', topic: 'room', data: 3, volatile: true, id: 3 }]);
    host.lose();
    await expect(sent).rejects.toMatchObject({ code: 'ERR_PUBLISH_UNKNOWN', stored: 'unknown' });
    host.open();
    expect(host.taken()).toEqual([]);
  });

  test('is refused when 10 000 wait, with nothing stored', async () => {
    for (let i = 0; i < 10_000; i++) void follow(host.publish('room', i));
    await expect(host.publish('room', 0)).rejects.toMatchObject({ code: 'ERR_OUTBOX_FULL', stored: 'no' });
  });
});

describe('a request', () => {
  test('carries its data, and resolves to the answer', async () => {
    host.open();
    const answers = [host.request('time?'), host.request(Uint8Array.of(104))];
    await settle();
    expect(host.taken()).toEqual([
      { t: 'req', data: 'time?', id: 1 },
      { t: 'req', data: { b64: 'aA==' }, id: 2 },
    ]);
    host.gets({ t: 'ok', id: 1, data: { h: 12 } }, { t: 'ok', id: 2, data: { b64: 'aGk=' } });
    expect(await Promise.all(answers)).toEqual([{ h: 12 }, Uint8Array.of(104, 105)]);
    expect(host.timerCount).toBe(0);
  });

  test('fails in time, by its signal, with its connection, and by the server', async () => {
    host.open();
    const [controller, early] = [new AbortController(), new AbortController()];
    early.abort();
    const calls = [
      host.request(1),
      host.request(2, { timeoutMs: 50 }),
      host.request(3, { signal: controller.signal }),
      host.request(4, { signal: early.signal }),
      host.request(5, { timeoutMs: Infinity }),
      host.request(6),
    ].map(follow);
    await settle();
    expect(dataOf(host.taken())).toEqual([1, 2, 3, 5, 6]);
    host.pass(50);
    controller.abort();
    host.gets({ t: 'err', id: 6, code: 'failed', message: '' });
    host.pass(9950);
    host.lose();
    await settle();
    expect(calls.map(({ outcome }) => outcome)).toEqual([
      'ERR_REQUEST_TIMEOUT',
      'ERR_REQUEST_TIMEOUT',
      'ERR_ABORTED',
      'ERR_ABORTED',
      'ERR_CONNECTION_LOST',
      ['ERR_TOPIC_REFUSED', 'unknown'],
    ]);
    host.open();
    expect(host.taken()).toEqual([]);
  });

  test('waits for a connection, and is sent once', async () => {
    const call = follow(host.request(1));
    await settle();
    host.open();
    expect(dataOf(host.taken())).toEqual([1]);
    host.lose();
    await settle();
    expect(call.outcome).toBe('ERR_CONNECTION_LOST');
  });
});

test('history and members are asked for again after a reconnection, whatever their answers hold', async () => {
  const room = host.subscribe('room', {});
  const calls = [room.history({ after: 'e.1.t', limit: 2 }), room.history(), room.members()].map(follow);
  await settle();
  host.open().lose();
  host.taken();
  host.open();
  expect(host.taken().slice(1)).toEqual([
    { t: 'hist', topic: 'room', after: 'e.1.t', limit: 2, id: 1 },
    { t: 'hist', topic: 'room', id: 2 },
    { t: 'who', topic: 'room', id: 3 },
  ]);
  host.gets({ t: 'hist', id: 1, msgs: [{ pos: 'e.2.t', at: 5, data: 'x', from: 'ann' }, null], more: true });
  host.gets({ t: 'hist', id: 2, msgs: 7 }, { t: 'who', topic: 'room', count: 1, list: [{ id: 'a', since: 1 }], id: 3 });
  await settle();
  expect(calls.map(({ outcome }) => outcome)).toEqual([
    { messages: [{ data: 'x', position: 'e.2.t', key: undefined, at: 5, from: 'ann' }], hasMore: true },
    { messages: [], hasMore: false },
    { count: 1, list: [{ id: 'a', since: 1 }] },
  ]);
});

describe('frames of the server', () => {
  test('reach the client: messages, session, alive', () => {
    host = new FakeHost('chat');
    host
      .open()
      .gets({ t: 'hi', v: 1, session: 'abc_-1-secret-of-22', aliveMs: 5 }, [{ t: 'msg', data: [1] }, { t: 'alive' }]);
    host.gets({ t: 'msg', data: 'x' }, { t: 'msg' });
    expect([host.messages, host.aliveMs]).toEqual([[[1], 'x', null], [5]]);
    expect(host.offered).toEqual(['4d-topics.1', 'chat', 'session.abc_-1-secret-of-22']);
    host.gets({ t: 'hi', session: 'not a token' });
    expect([host.offered[2], host.aliveMs]).toEqual(['session.abc_-1-secret-of-22', [5, undefined]]);
    host.gets({ t: 'hi', session: 'another-secret-of-24-let' });
    expect(host.offered).toEqual(['4d-topics.1', 'chat', 'session.another-secret-of-24-let']);
  });

  test.each([
    [30, 30],
    [1e9, 60_000],
    [undefined, 0],
    ['soon', 0],
  ])('ask to connect again after %j ms: that happens once, after %d', (afterMs, ms) => {
    host.open().gets({ t: 'move', afterMs: 10 }, { t: 'move', afterMs });
    host.lose();
    host.pass(ms - 1);
    expect(host.moves).toBe(0);
    host.pass(1);
    expect([host.moves, host.timerCount]).toEqual([1, 0]);
  });

  test.each([
    ['open', () => host.open()],
    ['end', () => host.end()],
  ])('ask in vain to connect again when %s() comes sooner', (_, act) => {
    host.open().gets({ t: 'move', afterMs: 10 });
    act();
    host.pass(10);
    expect(host.moves).toBe(0);
  });

  test('are ignored after a callback has ended the client', () => {
    host.subscribe('room', { onSubscribed: () => host.end() });
    host.open();
    host.receive('[{"t":"subbed","topic":"room","state":"new"},{"t":"msg","data":1}]');
    expect(host.messages).toEqual([]);
  });

  test('never throw, whatever stands where a text should', async () => {
    const published = follow(host.publish('room', 1));
    const odd = '{"toString":null,"valueOf":null}';
    host.open();
    for (const name of ['t', 'session', 'aliveMs', 'limits', 'topic', 'id']) {
      host.receive(`{"t":"hi","session":"abc","${name}":${odd}}`);
    }
    host.receive(`{"t":"err","id":1,"code":${odd},"message":[${odd}]}`);
    expect(host.offered).toEqual(['4d-topics.1']);
    // What cannot be read is no answer.
    host.receive('{"t":"err","id":1,"code":"denied"}');
    await settle();
    expect(published.outcome).toEqual(['ERR_TOPIC_REFUSED', 'no']);
  });

  test.each(['', 'x', '7', 'null', '[', '[null,7,[{}],"a"]', '{}', '{"t":1}', '{"t":"new","topic":"room"}'])(
    '%j is ignored',
    (text) => {
      host.subscribe('room', {});
      host.open().taken();
      host.receive(text);
      expect([host.taken(), host.reports]).toEqual([[], []]);
    },
  );
});

describe('a server that takes 100 publications a second', () => {
  const hi = { t: 'hi', v: 1, limits: { publishesPerSecond: 100 } };

  test('gets no more, in order, from its first frame on', async () => {
    for (let n = 0; n < 130; n++) void follow(host.publish('room', n));
    await settle();
    const counts = [host.open().taken(), host.gets(hi).taken()];
    for (let turn = 0; turn < 3; turn++) {
      host.pass(500);
      counts.push(host.taken());
    }
    expect(counts.map(({ length }) => length)).toEqual([20, 50, 50, 10, 0]);
    expect(dataOf(counts.flat())).toEqual(Array.from({ length: 130 }, (_, n) => n));
  });

  test('gets again what it has refused because it came too soon, or the broker was away', async () => {
    const calls = [1, 2].map((n) => follow(host.publish('room', n)));
    await settle();
    host.open().taken();
    host.gets(
      { t: 'err', id: 1, code: 'rate', message: '', retryMs: 20 },
      { t: 'err', id: 2, code: 'broker-down', message: '', retryMs: 1000 },
    );
    void follow(host.publish('room', 3));
    await settle();
    expect(host.taken()).toEqual([]);
    host.pass(500);
    expect(dataOf(host.taken())).toEqual([1, 2, 3]);
    expect(calls.map(({ outcome }) => outcome)).toEqual([undefined, undefined]);
  });

  test('gets no volatile message too many', async () => {
    host.open().gets({ t: 'hi', v: 1, limits: { publishesPerSecond: 2 } });
    void host.publish('room', 1, { volatile: true });
    await expect(host.publish('room', 2, { volatile: true })).rejects.toMatchObject({ stored: 'no' });
    expect(dataOf(host.taken())).toEqual([1]);
  });
});
