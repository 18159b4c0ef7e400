import { beforeEach, describe, expect, test } from 'vitest';
import { fromFrame } from '../../src/topics/frame-data.ts';
import type { SubscribeOptions } from '../../src/topics/client-types.ts';
import type { Subscription } from '../../src/topics/topic-handler.ts';
import { createDeferred } from '../helpers/deferred.ts';
import { FakeHost, settle, TopicRecorder } from './client-harness.ts';

let host: FakeHost;
let room: TopicRecorder;

beforeEach(() => {
  host = new FakeHost();
  room = new TopicRecorder();
});

function subscribe(options?: SubscribeOptions, topic = 'room'): Subscription {
  return host.subscribe(topic, room, options);
}

const m = (offset: number, members: object = {}): object => ({
  t: 'm',
  topic: 'room',
  pos: `e.${offset.toString(36)}.t`,
  at: offset,
  data: offset,
  ...members,
});
const subbed = (offset: number, members: object = {}): object => ({
  t: 'subbed',
  topic: 'room',
  pos: `e.${offset.toString(36)}.t`,
  state: 'new',
  ...members,
});

describe('a subscription', () => {
  test.each([
    [undefined, {}],
    [{ since: 'now' }, { since: 'now' }],
    [{ since: 'start' }, { since: 'start' }],
    [{ since: 'state' }, { since: 'state' }],
    [{ since: { last: 5 } }, { since: { last: 5 } }],
    [{ since: { after: 'e.1.t' } }, { since: 'e.1.t' }],
    [{ presence: { show: true } }, { presence: { show: true } }],
  ] as const)('with %j is asked for by %j, when there is a connection', async (options, members) => {
    subscribe(options);
    await settle();
    expect(host.taken()).toEqual([]);
    host.open();
    expect(host.taken()).toEqual([{ t: 'sub', topic: 'room', ...members }]);
  });

  test('is told of everything in order, and its position follows', async () => {
    const positions: unknown[] = [];
    const sub = subscribe({ since: { last: 2 } });
    room.act = () => positions.push(sub.position);
    host.open().gets(subbed(2, { missed: 1 }), m(3, { r: 1, key: 'k', from: 'ann' }));
    host.gets({ t: 'live', topic: 'room', pos: 'e.3.t' }, m(4), {
      t: 'gap',
      topic: 'room',
      pos: 'e.9.t',
      reason: 'slow',
    });
    expect(room.seen).toEqual(['new 1', 'replayed 3', 'live 1', '4', 'gap slow']);
    expect(positions).toEqual([undefined, 'e.2.t', 'e.3.t', 'e.3.t', 'e.4.t']);
    expect(sub.position).toBe('e.9.t');
  });

  test('is told why messages are missing', () => {
    subscribe({ since: { after: 'e.1.t' } });
    host.open().gets(subbed(3, { state: 'gap', reason: 'epoch' }));
    expect(room.seen).toEqual(['gap epoch 0', 'gap epoch']);
  });

  test('gets messages with their key, time, author and bytes', () => {
    const seen: object[] = [];
    host.subscribe('room', { onMessage: (_, event) => seen.push(event) });
    host.open().gets(subbed(0), m(1, { key: 'k', from: 'ann', r: 1 }), m(2, { data: { b64: 'aGk=' } }));
    host.gets({ t: 'm', topic: 'room', data: { b64: '?' } }, m(3, { data: { b64: 'aGk=', more: 1 } }));
    expect(seen).toEqual([
      { type: 'message', data: 1, position: 'e.1.t', key: 'k', at: 1, from: 'ann', isReplayed: true },
      expect.objectContaining({ data: Uint8Array.of(104, 105), at: 2, isReplayed: false }),
      expect.objectContaining({ data: { b64: '?' }, at: 0 }),
      expect.objectContaining({ data: { b64: 'aGk=', more: 1 } }),
    ]);
  });

  test('gets data as they are: the members of none are listed to find out whether it is bytes', () => {
    const data = new Proxy(
      { text: 'a' },
      {
        ownKeys() {
          throw new Error('its members were listed');
        },
      },
    );
    expect(fromFrame(data, host)).toBe(data);
  });

  test('position moves on when the promise of onMessage is over, and callbacks never overlap', async () => {
    const held = createDeferred();
    const sub = subscribe();
    host.open().gets(subbed(0));
    room.act = (line) => (line === '1' ? held.promise : undefined);
    host.gets(m(1), m(2));
    await settle();
    expect([room.seen, sub.position]).toEqual([['new 0', '1'], 'e.0.t']);
    held.resolve();
    await settle();
    expect([room.seen, sub.position]).toEqual([['new 0', '1', '2'], 'e.2.t']);
  });

  test.each([
    [{ since: 'start' }, [], { since: 'start' }],
    [undefined, [subbed(7)], { since: 'e.7.t' }],
    [{ since: { last: 2 } }, [subbed(5, { missed: 2 })], { since: 'e.5.t' }],
    [{ since: { last: 2 } }, [{ t: 'subbed', topic: 'room', state: 'new', missed: 2 }], { since: { last: 2 } }],
    [{ since: { last: 2 } }, [subbed(7, { missed: 2 }), m(6, { r: 1 })], { since: 'e.6.t' }],
    [{ since: { after: 'e.1.t' } }, [subbed(9, { state: 'gap', missed: 3 })], { since: 'e.9.t' }],
    [
      { since: 'state' },
      [
        { t: 'subbed', topic: 'room', state: 'new' },
        { t: 'm', topic: 'room', at: 1, data: 1 },
      ],
      { since: 'state' },
    ],
    [
      { since: 'state' },
      [
        { t: 'subbed', topic: 'room', state: 'new' },
        { t: 'live', topic: 'room', pos: 'e.5.t' },
      ],
      { since: 'e.5.t' },
    ],
    [undefined, [subbed(7), { t: 'gap', topic: 'room', pos: 'e.c.t', reason: 'slow' }], { since: 'e.c.t' }],
    [undefined, [subbed(7), { t: 'm', topic: 'room', at: 1, data: 'volatile' }], { since: 'e.7.t' }],
  ] as const)('with %j that got %j goes on with %j after a lost connection', (options, frames, members) => {
    subscribe(options);
    host
      .open()
      .gets(...frames)
      .taken();
    host.lose();
    host.open();
    expect(host.taken()).toEqual([{ t: 'sub', topic: 'room', ...members }]);
  });

  test('goes on behind what has arrived, also while its callback waits', async () => {
    subscribe();
    host.open().gets(subbed(0)).taken();
    const held = createDeferred();
    room.act = () => held.promise;
    host.gets(m(1), m(2));
    host.lose();
    host.open();
    expect(host.taken()).toEqual([{ t: 'sub', topic: 'room', since: 'e.2.t' }]);
    // What is still on its way belongs to the subscription before.
    host.gets(m(9), subbed(2, { state: 'recovered', missed: 1 }), m(3, { r: 1 }));
    held.resolve();
    await settle();
    expect(room.seen).toEqual(['new 0', '1', '2', 'recovered 1', 'replayed 3']);
  });

  test('ends by unsubscribe() without another message, and tells the server', async () => {
    const held = createDeferred();
    const sub = subscribe();
    host.open().gets(subbed(0)).taken();
    room.act = () => held.promise;
    host.gets(m(1), m(2));
    sub.unsubscribe();
    sub.unsubscribe();
    expect(host.taken()).toEqual([{ t: 'unsub', topic: 'room' }]);
    host.gets(m(3));
    held.resolve();
    await settle();
    expect(room.seen).toEqual(['new 0', '1', 'end local']);
  });

  test('ends when a callback throws, and no other one does', async () => {
    const other = new TopicRecorder();
    subscribe();
    host.subscribe('other', other);
    room.act = (line) => {
      if (line === '1' || line.startsWith('end')) throw new Error(`no ${line}`);
    };
    host
      .open()
      .gets(subbed(0), subbed(0, { topic: 'other' }))
      .taken();
    host.gets(m(1), m(2), m(1, { topic: 'other' }));
    await settle();
    expect(host.taken()).toEqual([{ t: 'unsub', topic: 'room' }]);
    expect([room.seen, other.seen]).toEqual([
      ['new 0', '1', 'end callback'],
      ['new 0', '1'],
    ]);
    expect(host.reports).toEqual(['onMessage: Error: no 1', 'onEnd: Error: no end callback']);
  });

  test.each([
    ['denied', 'refused denied'],
    ['no-handler', 'refused no-handler'],
  ])('that is refused with %s hears %s, and nothing else', (code, line) => {
    subscribe();
    host.open().gets({ t: 'unsubbed', topic: 'room', code, message: 'no' }, m(1));
    expect(room.seen).toEqual([line]);
    host.end();
    expect(room.seen).toHaveLength(1);
  });

  test.each([
    ['expired', 'end expired'],
    ['taken', 'end taken'],
  ])('that the server takes away with %s ends behind its messages with %s', async (code, line) => {
    const held = createDeferred();
    subscribe();
    host.open().gets(subbed(0));
    room.act = () => held.promise;
    host.gets(m(1), m(2), { t: 'unsubbed', topic: 'room', code, message: '' }, m(3));
    held.resolve();
    await settle();
    expect(room.seen).toEqual(['new 0', '1', '2', line]);
  });

  test('asks again when the server says so, unless the connection is another one by then', () => {
    const busy = { t: 'err', topic: 'room', code: 'rate', message: 'slow down', retryMs: 500 };
    subscribe();
    host.open().gets(busy).taken();
    host.pass(499);
    void host.publish('room', 1, { volatile: true });
    expect(host.taken()).toHaveLength(1);
    host.pass(1);
    void host.publish('room', 1, { volatile: true });
    expect(host.taken()[0]).toEqual({ t: 'sub', topic: 'room' });
    host.gets({ t: 'unsubbed', topic: 'room', code: 'broker-down', message: '' });
    host.lose();
    host.open().taken();
    host.pass(1000);
    void host.publish('room', 1, { volatile: true });
    expect(host.taken()).toMatchObject([{ t: 'pub' }]);
  });

  test('takes the frames of the last subscription alone, when a topic is left and joined again', async () => {
    const later = new TopicRecorder();
    const sub = subscribe();
    host.open();
    sub.unsubscribe();
    const next = host.subscribe('room', later);
    await settle();
    // A server may not answer a subscription that it was told to forget.
    expect(host.taken()).toEqual([{ t: 'sub', topic: 'room' }]);
    host.gets(subbed(1), m(2));
    await settle();
    expect(host.taken()).toEqual([
      { t: 'unsub', topic: 'room' },
      { t: 'sub', topic: 'room' },
    ]);
    host.gets(m(3), subbed(3), m(4));
    expect([room.seen, later.seen]).toEqual([['end local'], ['new 0', '4']]);
    next.unsubscribe();
    host.subscribe('room', room);
    await settle();
    expect(host.taken()).toMatchObject([{ t: 'unsub' }, { t: 'sub' }]);
  });

  test('joins again a topic that was refused while the user left it', async () => {
    const sub = subscribe();
    host.open();
    sub.unsubscribe();
    subscribe();
    await settle();
    host.taken();
    host.gets({ t: 'unsubbed', topic: 'room', code: 'denied', message: '' });
    await settle();
    expect(host.taken()).toEqual([{ t: 'sub', topic: 'room' }]);
    host.gets(subbed(1));
    expect(room.seen).toEqual(['end local', 'new 0']);
  });

  test('leaves a topic that the server still believes in', () => {
    host.open().gets(subbed(1), m(2));
    expect(host.taken()).toEqual([{ t: 'unsub', topic: 'room' }]);
  });

  test('of the server alone is kept, and heard when the user subscribes too', async () => {
    host.open().gets(subbed(1, { unasked: true }), m(2));
    expect(host.taken()).toEqual([]);
    subscribe();
    await settle();
    expect(host.taken()).toEqual([{ t: 'sub', topic: 'room' }]);
    host.gets(subbed(2, { unasked: true }), m(3), subbed(3), m(4));
    expect(room.seen).toEqual(['new 0', '4']);
  });

  test('tells the members, who comes and who leaves', () => {
    const seen: unknown[] = [];
    const [ann, bob] = [
      { id: 'a', since: 1 },
      { id: 'b', since: 2 },
    ];
    host.subscribe('room', {
      onMembers: (_, { count, list }) => seen.push([count, list]),
      onJoin: (_, member) => seen.push(['join', member]),
      onLeave: (_, member) => seen.push(['leave', member]),
    });
    host.open().gets(subbed(0), { t: 'who', topic: 'room', count: 1, list: [ann, null, 7] });
    host.gets(
      { t: 'who', topic: 'room', count: 1, join: [bob], leave: [ann] },
      { t: 'who', topic: 'room', count: 2000 },
    );
    expect(seen).toEqual([
      [1, [ann]],
      ['join', bob],
      ['leave', ann],
      [2000, []],
    ]);
  });

  test('is refused, before and after a reconnection, by a server that does not choose the subprotocol', () => {
    subscribe();
    host.open('');
    expect(room.seen).toEqual(['refused topics-off']);
    expect(() => subscribe()).toThrow(expect.objectContaining({ code: 'ERR_TOPICS_OFF' }) as Error);
  });

  test('ends with the client, behind the messages that wait or without them', async () => {
    const held = createDeferred();
    subscribe();
    subscribe(undefined, 'other');
    host.open().gets(subbed(0));
    room.act = (line) => (line === '1' ? held.promise : undefined);
    host.gets(m(1), m(2));
    host.end();
    expect(() => subscribe()).toThrow(expect.objectContaining({ code: 'ERR_NOT_CONNECTED' }) as Error);
    held.resolve();
    await settle();
    expect(room.seen).toEqual(['new 0', '1', 'end ended', '2', 'end ended']);
    host.begin();
    expect(subscribe().topic).toBe('room');
  });

  test.each(['', 'a*', 'a#', 'a>b', 'a\n', '@user/1', '@', 'é'.repeat(129), 7])('of the name %j is refused', (name) => {
    expect(() => subscribe({}, name as string)).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_TOPIC' }) as Error,
    );
  });

  test('of @me, and of 256 bytes, is taken; of the same topic again it is not', () => {
    for (const name of ['@me', 'é'.repeat(128), 'a@b', ' ']) expect(subscribe({}, name).topic).toBe(name);
    expect(() => subscribe({}, '@me')).toThrow('already');
    expect(() => host.subscribe('x', undefined as never)).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_HANDLER' }) as Error,
    );
  });
});

describe('many subscriptions', () => {
  test('are asked for by hundreds, those with presence one by one', async () => {
    host.open();
    for (let i = 0; i < 250; i++) subscribe({ since: i === 0 ? 'start' : undefined }, `room/${i}`);
    subscribe({ presence: { watch: true } }, 'seen');
    expect(host.taken()).toEqual([]);
    await settle();
    const frames = host.taken();
    expect(frames.map(({ topic }) => (topic as object[]).length)).toEqual([4, 100, 100, 50]);
    expect(frames[1]).toMatchObject({
      t: 'sub',
      topic: expect.arrayContaining([{ topic: 'room/0', since: 'start' }, { topic: 'room/99' }]) as object[],
    });
  });

  test('tell how many callbacks and calls wait', async () => {
    const held = createDeferred();
    subscribe();
    host.open().gets(subbed(0));
    room.act = () => held.promise;
    host.gets(m(1), m(2), m(3));
    const answer = host.request('?');
    await settle();
    expect([host.waiting, host.calls]).toEqual([2, 1]);
    host.gets({ t: 'ok', id: 1, data: '!' });
    expect(await answer).toBe('!');
    held.resolve();
    await settle();
    expect([host.waiting, host.calls]).toEqual([0, 0]);
  });

  test('drops what waits beyond 1 000 callbacks, and asks again behind the one that runs', async () => {
    const held = createDeferred();
    const sub = subscribe();
    host.open().gets(subbed(0)).taken();
    room.act = (line) => (line === '1' ? held.promise : undefined);
    for (let i = 1; i <= 1002; i++) host.gets(m(i));
    expect(host.taken()).toEqual([{ t: 'unsub', topic: 'room' }]);
    host.gets(m(1003));
    expect([room.seen, sub.position]).toEqual([['new 0', '1'], 'e.0.t']);
    held.resolve();
    await settle();
    expect(host.taken()).toEqual([{ t: 'sub', topic: 'room', since: 'e.1.t' }]);
    host.gets(m(1004), subbed(1, { state: 'recovered', missed: 2 }), m(2, { r: 1 }));
    expect(room.seen).toEqual(['new 0', '1', 'recovered 2', 'replayed 2']);
    expect(host.waiting).toBe(0);
  });

  test('frees a topic that is left while its messages are dropped', () => {
    const sub = subscribe();
    host.open().gets(subbed(0));
    room.act = () => createDeferred().promise;
    for (let i = 1; i <= 1002; i++) host.gets(m(i));
    sub.unsubscribe();
    expect(subscribe().topic).toBe('room');
  });
});
