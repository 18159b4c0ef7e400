/**
 * What goes over the wire with `4d-topics.1`, as data for tests of both ends. `client` is a frame of a client, as an object
 * or as raw text; `server` is the frame that a server answers or sends next; `program` publishes on the server.
 *
 * A text that begins with `$` stands for a value that nobody knows before: the first time it takes the value, later it must
 * be equal. The server that the cases speak with is `wire-world.ts`.
 */
import type { Frame } from './wire-frames.ts';

export type WireStep =
  | { readonly client: Frame | string }
  | { readonly server: Frame }
  | { readonly program: readonly [topic: string, data: unknown, options?: object] };

export interface WireCase {
  readonly title: string;
  readonly steps: readonly WireStep[];
}

const HI = {
  server: {
    t: 'hi',
    v: 1,
    session: '$session',
    aliveMs: 25_000,
    limits: { topics: 5, payloadBytes: 1000, publishesPerSecond: 8 },
  },
};

const topicError = (message: string): string => `the name of a topic must ${message}`;

export const wireCases: readonly WireCase[] = [
  {
    title: 'subscribe, publish, get, unsubscribe',
    steps: [
      HI,
      { client: { t: 'sub', topic: 'open/1' } },
      { server: { t: 'subbed', topic: 'open/1', pos: '$0', state: 'new' } },
      { client: { t: 'pub', topic: 'open/1', data: { a: ['ü', null] }, key: 'k', id: 1 } },
      { server: { t: 'm', topic: 'open/1', pos: '$1', at: '$at', data: { a: ['ü', null] }, key: 'k', from: 'ann' } },
      { server: { t: 'ok', id: 1, pos: '$1' } },
      { client: { t: 'unsub', topic: 'open/1' } },
      { client: { t: 'ping' } },
      { server: { t: 'alive' } },
      { program: ['open/1', 'unheard'] },
      { client: { t: 'ping' } },
      { server: { t: 'alive' } },
    ],
  },
  {
    title: 'come back behind a position, and get what was missed, marked as replayed',
    steps: [
      HI,
      { program: ['open/1', 'one'] },
      { program: ['open/1', 'two', { key: 'k' }] },
      { client: { t: 'sub', topic: 'open/1', since: 'start' } },
      { server: { t: 'subbed', topic: 'open/1', pos: '$0', state: 'new', missed: 2 } },
      { server: { t: 'm', topic: 'open/1', pos: '$1', at: '$a', data: 'one', r: 1 } },
      { server: { t: 'm', topic: 'open/1', pos: '$2', at: '$b', data: 'two', key: 'k', r: 1 } },
      { server: { t: 'live', topic: 'open/1', pos: '$2' } },
      { client: { t: 'sub', topic: 'open/1', since: '$1' } },
      { server: { t: 'subbed', topic: 'open/1', pos: '$1', state: 'recovered', missed: 1 } },
      { server: { t: 'm', topic: 'open/1', pos: '$2', at: '$b', data: 'two', key: 'k', r: 1 } },
      { server: { t: 'live', topic: 'open/1', pos: '$2' } },
      { program: ['open/1', 'three'] },
      { server: { t: 'm', topic: 'open/1', pos: '$3', at: '$c', data: 'three' } },
    ],
  },
  {
    title: 'the newest so many, and the state, whose messages have no position',
    steps: [
      HI,
      { program: ['open/1', 1, { key: 'a' }] },
      { program: ['open/1', 2, { key: 'b' }] },
      { program: ['open/1', 3, { key: 'a' }] },
      { program: ['open/1', null, { key: 'b' }] },
      { client: { t: 'sub', topic: 'open/1', since: { last: 1 } } },
      { server: { t: 'subbed', topic: 'open/1', pos: '$3', state: 'new', missed: 1 } },
      { server: { t: 'm', topic: 'open/1', pos: '$4', at: '$b', data: null, key: 'b', r: 1 } },
      { server: { t: 'live', topic: 'open/1', pos: '$4' } },
      { client: { t: 'sub', topic: 'open/1', since: 'state' } },
      { server: { t: 'subbed', topic: 'open/1', state: 'new', missed: 1 } },
      { server: { t: 'm', topic: 'open/1', at: '$a', data: 3, key: 'a', r: 1 } },
      { server: { t: 'live', topic: 'open/1', pos: '$4' } },
    ],
  },
  {
    title: 'a position that nobody has given is a gap, behind which everything comes',
    steps: [
      HI,
      { program: ['open/1', 'one'] },
      { client: { t: 'sub', topic: 'open/1', since: 'forged' } },
      { server: { t: 'subbed', topic: 'open/1', pos: '$1', state: 'gap', reason: 'forked' } },
      { server: { t: 'live', topic: 'open/1', pos: '$1' } },
      { client: { t: 'sub', topic: 'open/1', since: 'abc.1.1' } },
      { server: { t: 'subbed', topic: 'open/1', pos: '$1', state: 'gap', reason: 'epoch' } },
      { server: { t: 'live', topic: 'open/1', pos: '$1' } },
      { program: ['open/1', 'two'] },
      { server: { t: 'm', topic: 'open/1', pos: '$2', at: '$at', data: 'two' } },
    ],
  },
  {
    title: 'a list of topics, of which some are refused',
    steps: [
      HI,
      {
        client: {
          t: 'sub',
          topic: [{ topic: 'open/1' }, { topic: '@x' }, { topic: 'denied/1' }, { topic: 'open/2', since: 'soon' }],
        },
      },
      {
        server: {
          t: 'err',
          topic: '@x',
          code: 'topic',
          message: topicError('not begin with @, which marks names of the library'),
        },
      },
      { server: { t: 'unsubbed', topic: 'denied/1', code: 'denied', message: 'members only' } },
      { server: { t: 'subbed', topic: 'open/1', pos: '$1', state: 'new' } },
      { server: { t: 'subbed', topic: 'open/2', pos: '$2', state: 'gap', reason: 'forked' } },
      { server: { t: 'live', topic: 'open/2', pos: '$2' } },
    ],
  },
  {
    title: 'bytes',
    steps: [
      HI,
      { client: { t: 'sub', topic: 'open/1' } },
      { server: { t: 'subbed', topic: 'open/1', pos: '$0', state: 'new' } },
      { client: { t: 'pub', topic: 'open/1', data: { b64: 'AP8=' }, id: 'x' } },
      { server: { t: 'm', topic: 'open/1', pos: '$1', at: '$at', data: { b64: 'AP8=' }, from: 'ann' } },
      { server: { t: 'ok', id: 'x', pos: '$1' } },
      { client: { t: 'pub', topic: 'open/1', data: { b64: 'A?' }, id: 2 } },
      { server: { t: 'err', id: 2, topic: 'open/1', code: 'data', message: 'b64 must be base 64 with its padding' } },
      { client: { t: 'pub', topic: 'open/1', data: { b64: 'AP8=', and: 'more' }, id: 3 } },
      { server: { t: 'm', topic: 'open/1', pos: '$2', at: '$at2', data: { b64: 'AP8=', and: 'more' }, from: 'ann' } },
      { server: { t: 'ok', id: 3, pos: '$2' } },
    ],
  },
  {
    title: 'a message that is published twice with one mid is stored once',
    steps: [
      HI,
      { client: { t: 'pub', topic: 'post/1', data: 1, mid: '0123456789abcdef', id: 1 } },
      { server: { t: 'ok', id: 1, pos: '$1' } },
      { client: { t: 'pub', topic: 'post/1', data: 1, mid: '0123456789abcdef', id: 2 } },
      { server: { t: 'ok', id: 2, pos: '$1', dup: true } },
    ],
  },
  {
    title: 'volatile messages have no position and are not kept',
    steps: [
      HI,
      { client: { t: 'sub', topic: 'open/1' } },
      { server: { t: 'subbed', topic: 'open/1', pos: '$0', state: 'new' } },
      { client: { t: 'pub', topic: 'open/1', data: [1, 2], volatile: true, id: 1 } },
      { server: { t: 'm', topic: 'open/1', at: '$at', data: [1, 2], from: 'ann' } },
      { server: { t: 'ok', id: 1 } },
      { client: { t: 'hist', topic: 'open/1', id: 2 } },
      { server: { t: 'hist', id: 2, msgs: [], more: false } },
    ],
  },
  {
    title: 'publishing that onPublish changes or refuses, or that has no grant',
    steps: [
      HI,
      { client: { t: 'sub', topic: 'post/1' } },
      { server: { t: 'subbed', topic: 'post/1', pos: '$0', state: 'new' } },
      { client: { t: 'pub', topic: 'post/1', data: 'loud', id: 1 } },
      { server: { t: 'm', topic: 'post/1', pos: '$1', at: '$at', data: 'LOUD', from: 'ann' } },
      { server: { t: 'ok', id: 1, pos: '$1' } },
      { client: { t: 'pub', topic: 'post/1', data: 'bad', id: 2 } },
      { server: { t: 'err', id: 2, code: 'denied', message: 'denied' } },
      { client: { t: 'pub', topic: 'post/1', data: 'throw', id: 3 } },
      { server: { t: 'err', id: 3, code: 'failed', message: 'onPublish has failed' } },
    ],
  },
  {
    title: 'parts of the history',
    steps: [
      HI,
      { program: ['open/1', 'one'] },
      { program: ['open/1', 'two', { key: 'k' }] },
      { client: { t: 'hist', topic: 'open/1', id: 1 } },
      { server: { t: 'err', id: 1, topic: 'open/1', code: 'denied', message: 'not subscribed' } },
      { client: { t: 'sub', topic: 'open/1' } },
      { server: { t: 'subbed', topic: 'open/1', pos: '$2', state: 'new' } },
      { client: { t: 'hist', topic: 'open/1', id: 2 } },
      {
        server: {
          t: 'hist',
          id: 2,
          msgs: [
            { pos: '$1', at: '$a', data: 'one' },
            { pos: '$2', at: '$b', data: 'two', key: 'k' },
          ],
          more: false,
        },
      },
      { client: { t: 'hist', topic: 'open/1', after: '$1', limit: 1, id: 3 } },
      { server: { t: 'hist', id: 3, msgs: [{ pos: '$2', at: '$b', data: 'two', key: 'k' }], more: false } },
    ],
  },
  {
    title: 'a grant without history',
    steps: [
      HI,
      { program: ['new/1', 'one'] },
      { client: { t: 'sub', topic: 'new/1', since: { last: 1 } } },
      {
        server: {
          t: 'unsubbed',
          topic: 'new/1',
          code: 'denied',
          message: 'the history is not granted: since must be "now", or behind a message',
        },
      },
      { client: { t: 'sub', topic: 'new/1', since: 'now' } },
      { server: { t: 'subbed', topic: 'new/1', pos: '$1', state: 'new' } },
      { client: { t: 'hist', topic: 'new/1', id: 1 } },
      { server: { t: 'err', id: 1, topic: 'new/1', code: 'denied', message: 'the history is not granted' } },
      { program: ['new/1', 'two'] },
      { server: { t: 'm', topic: 'new/1', pos: '$2', at: '$at', data: 'two' } },
      { client: { t: 'sub', topic: 'new/1', since: '$1' } },
      { server: { t: 'subbed', topic: 'new/1', pos: '$1', state: 'recovered', missed: 1 } },
      { server: { t: 'm', topic: 'new/1', pos: '$2', at: '$at', data: 'two', r: 1 } },
      { server: { t: 'live', topic: 'new/1', pos: '$2' } },
    ],
  },
  {
    title: 'a subscription whose onSubscribe fails or takes its answer back leaves the others alone',
    steps: [
      HI,
      { client: { t: 'sub', topic: 'once/1' } },
      { server: { t: 'subbed', topic: 'once/1', pos: '$0', state: 'new' } },
      { client: { t: 'sub', topic: 'throw/1', id: 7 } },
      { server: { t: 'err', id: 7, topic: 'throw/1', code: 'failed', message: 'onSubscribe has failed' } },
      { client: { t: 'sub', topic: 'odd/1' } },
      { server: { t: 'err', topic: 'odd/1', code: 'failed', message: 'onSubscribe has failed' } },
      { program: ['once/1', 1] },
      { server: { t: 'm', topic: 'once/1', pos: '$1', at: '$at', data: 1 } },
      { client: { t: 'sub', topic: 'once/1' } },
      { server: { t: 'unsubbed', topic: 'once/1', code: 'denied', message: 'denied' } },
      { program: ['once/1', 2] },
      { client: { t: 'ping' } },
      { server: { t: 'alive' } },
    ],
  },
  {
    title: 'messages of the application, and requests',
    steps: [
      HI,
      { client: { t: 'msg', data: 'hello' } },
      { server: { t: 'msg', data: 'hello to you' } },
      { client: { t: 'msg', data: { no: 'text' } } },
      { server: { t: 'err', code: 'data', message: 'the data of msg must be a text (dataType "text")' } },
      { client: { t: 'req', data: { add: [1, 2] }, id: 1 } },
      { server: { t: 'ok', id: 1, data: 3 } },
      { client: { t: 'req', data: null, id: 2 } },
      { server: { t: 'err', id: 2, code: 'failed', message: 'onRequest has failed' } },
    ],
  },
  {
    title: 'more topics than one connection may have',
    steps: [
      HI,
      ...[1, 2, 3, 4, 5].flatMap((n): WireStep[] => [
        { client: { t: 'sub', topic: `open/${n}` } },
        { server: { t: 'subbed', topic: `open/${n}`, pos: `$${n}`, state: 'new' } },
      ]),
      { client: { t: 'sub', topic: 'open/6' } },
      {
        server: { t: 'err', topic: 'open/6', code: 'limit', message: 'too many topics on this connection: at most 5' },
      },
      { client: { t: 'unsub', topic: 'open/1' } },
      { client: { t: 'sub', topic: 'open/6' } },
      { server: { t: 'subbed', topic: 'open/6', pos: '$6', state: 'new' } },
    ],
  },
  {
    title: 'data that is too long, or nested too deeply',
    steps: [
      HI,
      { client: { t: 'pub', topic: 'post/1', data: 'ü'.repeat(500), id: 1 } },
      { server: { t: 'err', id: 1, code: 'data', message: 'data is too long: 1002 bytes (payloadBytes 1000)' } },
      { client: `{"t":"pub","topic":"post/1","id":2,"data":${'['.repeat(100_000)}${']'.repeat(100_000)}}` },
      // "data is nested too deeply", or that it is too long on a Node.js whose JSON.stringify has no limit: 26 and newer.
      { server: { t: 'err', id: 2, code: 'data', message: '$nested' } },
    ],
  },
  {
    title: 'more subscriptions or messages in a second than are allowed, and room later',
    steps: [
      HI,
      ...Array.from({ length: 8 }, (): WireStep => ({ client: { t: 'pub', topic: 'quiet/1', data: 1, id: 1 } })),
      ...Array.from({ length: 8 }, (): WireStep => ({
        server: { t: 'err', id: 1, code: 'denied', message: 'denied' },
      })),
      { client: { t: 'pub', topic: 'quiet/1', data: 1, id: 2 } },
      { server: { t: 'err', id: 2, code: 'rate', message: 'too many messages: at most 8 a second', retryMs: '$wait' } },
    ],
  },
];
