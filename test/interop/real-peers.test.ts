import { describe, expect, test } from 'vitest';
import type { CompressionOptions } from '../../src/index.ts';
import type { SeenFrame } from '../helpers/frames.ts';
import { letPeerConnect, nextMessage, openPair, type Pair, type PairOptions } from './pair.ts';
import { usePeer } from './peer-process.ts';
import { FRAGMENTED_TEXT, type Peer, type PeerBehaviour, type PeerRole, peers } from './peers.ts';
import { describeTool } from './tools.ts';

const OPCODE_TEXT = 1;
const OPCODE_BINARY = 2;
const OPCODE_CLOSE = 8;
const OPCODE_PING = 9;
const OPCODE_PONG = 10;

const opcodeOf = ({ first }: SeenFrame): number => first & 0xf;
const isCompressed = ({ first }: SeenFrame): boolean => (first & 0x40) !== 0;
const isLast = ({ first }: SeenFrame): boolean => first >= 0x80;

/** A peer in one of its roles. */
interface Subject {
  readonly peer: Peer;
  readonly role: PeerRole;
  readonly behaviour: PeerBehaviour;
}

/** What every peer is tried with. */
interface Trial {
  readonly title: string;
  /** Leaves out peers that cannot do it. */
  readonly appliesTo?: (subject: Subject) => boolean;
  readonly options?: PairOptions;
  readonly run: (pair: Pair, subject: Subject) => Promise<void>;
}

/** Sends a message and expects the same one back. Resolves to the first frame of both. */
async function expectEcho(pair: Pair, message: string | Uint8Array): Promise<{ ours: SeenFrame; theirs: SeenFrame }> {
  const { ws, handler, ours, theirs } = pair;
  const [oursBefore, theirsBefore] = [ours.frames.all.length, theirs.frames.all.length];
  ws.send(message);
  const echo = await nextMessage(handler);
  expect(Buffer.from(echo as Uint8Array).equals(Buffer.from(message as string))).toBe(true);
  const isMessage = (frame: SeenFrame): boolean => opcodeOf(frame) < OPCODE_CLOSE;
  const seen = {
    ours: await ours.frameWhere(isMessage, oursBefore),
    theirs: await theirs.frameWhere(isMessage, theirsBefore),
  };
  expect(opcodeOf(seen.theirs)).toBe(typeof message === 'string' ? OPCODE_TEXT : OPCODE_BINARY);
  return seen;
}

const everyByte = Uint8Array.from({ length: 256 }, (_, byte) => byte);
const json = JSON.stringify(Array.from({ length: 500 }, (_, id) => ({ id, name: `name ${id}` })));

const messageTrials: readonly Trial[] = [
  {
    title: 'sends text back',
    run: async (pair) => {
      await expectEcho(pair, 'Grüße an alle, 你好, 😀');
    },
  },
  {
    title: 'sends bytes back',
    run: async (pair) => {
      await expectEcho(pair, everyByte);
    },
  },
  {
    title: 'sends empty messages back',
    run: async (pair) => {
      await expectEcho(pair, '');
      await expectEcho(pair, new Uint8Array());
    },
  },
  {
    title: 'sends 100 KB of text and of bytes back',
    run: async (pair) => {
      await expectEcho(pair, 'é'.repeat(50_000));
      await expectEcho(pair, Buffer.alloc(100_000, everyByte));
    },
  },
  {
    title: 'sends JSON behind a byte order mark back',
    options: { dataType: 'object' },
    run: async ({ ws, handler }) => {
      ws.send('\ufeff{"mark":true}');
      expect(await nextMessage(handler)).toEqual({ mark: true });
    },
  },
  {
    title: 'sends many messages back in order',
    run: async ({ ws, handler }) => {
      const sent = Array.from({ length: 500 }, (_, id) => `message ${id}`);
      for (const message of sent) ws.send(message);
      const echoes = await handler.nextMessages(sent.length);
      expect(echoes.map((echo) => Buffer.from(echo as Uint8Array).toString())).toEqual(sent);
    },
  },
  {
    title: 'sends a message in fragments, which arrives as one',
    appliesTo: ({ peer }) => peer.fragments,
    run: async ({ ws, handler, theirs }) => {
      ws.send('!fragments');
      expect(Buffer.from((await nextMessage(handler)) as Uint8Array).toString()).toBe(FRAGMENTED_TEXT);
      const fragments = theirs.frames.all.filter((frame) => opcodeOf(frame) < OPCODE_CLOSE);
      expect(fragments.length).toBeGreaterThan(1);
      expect(fragments.map(isLast)).toEqual(fragments.map((_, i) => i === fragments.length - 1));
    },
  },
  {
    title: 'answers a ping',
    options: { settings: { pingIntervalMs: 20 } },
    run: async ({ ours, theirs }) => {
      const ping = await ours.frameWhere((frame) => opcodeOf(frame) === OPCODE_PING);
      const pong = await theirs.frameWhere((frame) => opcodeOf(frame) === OPCODE_PONG);
      expect(pong.payload).toEqual(ping.payload);
    },
  },
  {
    title: 'gets a pong for its ping',
    run: async ({ ws, ours, theirs }) => {
      ws.send('!ping');
      const ping = await theirs.frameWhere((frame) => opcodeOf(frame) === OPCODE_PING);
      const pong = await ours.frameWhere((frame) => opcodeOf(frame) === OPCODE_PONG);
      expect(ping.payload.toString()).toBe('from the peer');
      expect(pong.payload).toEqual(ping.payload);
    },
  },
];

const closeTrials: readonly Trial[] = [
  {
    title: 'is told code and reason of a close, and answers it',
    run: async ({ ws, handler, closed }, { peer, behaviour }) => {
      ws.terminate(4001, 'enough, thanks');
      const { code, wasClean } = await handler.ended();
      expect({ code, wasClean }).toEqual({ code: behaviour.closeAnswer, wasClean: true });
      expect(await closed()).toBe(peer.tellsReasons ? '4001 enough, thanks' : '- -');
      expect(handler.errors).toEqual([]);
    },
  },
  {
    title: 'is told a close without a reason',
    run: async ({ ws, handler, closed }, { peer }) => {
      ws.terminate();
      const { code, wasClean } = await handler.ended();
      expect({ code, wasClean }).toEqual({ code: 1000, wasClean: true });
      expect(await closed()).toBe(peer.tellsReasons ? '1000 -' : '- -');
    },
  },
  {
    title: 'closes with code and reason',
    run: async ({ ws, handler, ours }, { peer }) => {
      ws.send('!close 4002 bye, all');
      const { code, reason, wasClean, cause } = await handler.ended();
      expect({ code, wasClean, cause }).toEqual({ code: 4002, wasClean: true, cause: 'peer-closed' });
      expect(reason).toBe(peer.tellsReasons ? 'bye, all' : undefined);
      const answer = await ours.frameWhere((frame) => opcodeOf(frame) === OPCODE_CLOSE);
      expect(answer.payload.readUInt16BE(0)).toBe(4002);
      expect(handler.errors).toEqual([]);
    },
  },
  {
    title: 'is told that a message is too big',
    options: { settings: { maxMessageBytes: 5000 } },
    appliesTo: ({ peer }) => peer.fragments,
    run: async ({ ws, handler, ours }) => {
      ws.send('!fragments');
      const { code } = await handler.ended();
      const close = await ours.frameWhere((frame) => opcodeOf(frame) === OPCODE_CLOSE);
      expect(close.payload.readUInt16BE(0)).toBe(1009);
      expect([1006, 1009]).toContain(code);
    },
  },
];

/** Tries compression that both sides want. */
function compressionTrial(title: string, settings: CompressionOptions): Trial {
  const compression = Object.keys(settings).length === 0 ? true : settings;
  return {
    title: `compresses with ${title}`,
    appliesTo: ({ peer }) => peer.compresses,
    options: { path: 'compressed', settings: { compression } },
    run: async (pair, { role }) => {
      const answer = await (role === 'server' ? pair.theirs : pair.ours).head;
      expect(answer.toLowerCase()).toContain('sec-websocket-extensions: permessage-deflate');
      // Similar messages in turn show whether both sides keep the context, or drop it, as they have agreed.
      for (let i = 0; i < 3; i++) {
        const frames = await expectEcho(pair, json);
        expect([isCompressed(frames.ours), isCompressed(frames.theirs)]).toEqual([true, true]);
        await expectEcho(pair, Buffer.alloc(100_000, json));
        await expectEcho(pair, 'short');
        await expectEcho(pair, '');
        await expectEcho(pair, new Uint8Array());
      }
      pair.ws.terminate();
      expect((await pair.handler.ended()).wasClean).toBe(true);
    },
  };
}

const compressionTrials: readonly Trial[] = [
  compressionTrial('default settings', {}),
  compressionTrial('context takeover', {
    serverNoContextTakeover: false,
    clientNoContextTakeover: false,
    thresholdBytes: 0,
  }),
  compressionTrial('context takeover of the client alone', { clientNoContextTakeover: false }),
  compressionTrial('context takeover of the server alone', { serverNoContextTakeover: false }),
  compressionTrial('a small window of the server', { serverMaxWindowBits: 10, clientNoContextTakeover: false }),
  compressionTrial('a small window of the client', { clientMaxWindowBits: 10 }),
  {
    title: 'keeps its context against the agreement, and is understood',
    appliesTo: ({ behaviour }) => behaviour.ignoresNoContextTakeover === true,
    options: { path: 'compressed', settings: { compression: true } },
    run: async (pair) => {
      const first = await expectEcho(pair, json);
      const second = await expectEcho(pair, json);
      // The frames show that the peer still disobeys: its second message is little more than a reference to the first.
      expect(second.theirs.payload.length).toBeLessThan(first.theirs.payload.length / 2);
    },
  },
  {
    title: 'compresses by default, or does not',
    options: { settings: { compression: true } },
    run: async (pair, { behaviour }) => {
      const frames = await expectEcho(pair, json);
      expect([isCompressed(frames.ours), isCompressed(frames.theirs)]).toEqual([
        behaviour.compressesByDefault,
        behaviour.compressesByDefault,
      ]);
    },
  },
  {
    title: 'does not compress when the library does not',
    options: { path: 'compressed' },
    run: async (pair) => {
      const frames = await expectEcho(pair, json);
      expect([isCompressed(frames.ours), isCompressed(frames.theirs)]).toEqual([false, false]);
    },
  },
];

const protocolTrials: readonly Trial[] = [
  {
    title: 'agrees on a subprotocol',
    options: { protocols: ['other', 'chat'], offer: 'chat,more' },
    run: async ({ ws, outcome }) => {
      expect([ws.protocol, outcome]).toEqual(['chat', 'opened chat']);
    },
  },
  {
    title: 'connects without a subprotocol',
    run: async ({ ws, outcome }) => {
      expect([ws.protocol, outcome]).toEqual(['', 'opened -']);
    },
  },
  {
    title: 'connects without a subprotocol when it has none that is offered',
    appliesTo: ({ role }) => role === 'server',
    options: { protocols: ['other'] },
    run: async ({ ws, outcome }) => {
      expect([ws.protocol, outcome]).toEqual(['', 'opened -']);
    },
  },
];

/** A handshake of a peer with a server of the library. */
interface HandshakeTrial {
  readonly title: string;
  readonly options: PairOptions;
  /** What the peer says about the handshake. */
  readonly outcome: string;
}

function handshakeTrials({ peer, behaviour }: Subject): readonly HandshakeTrial[] {
  const refused = (status: number): string => `refused ${peer.tellsReasons ? status : '-'}`;
  const { originForms = ['http://127.0.0.1:PORT'], sendsEmptyProtocols = false } = behaviour;
  return [
    {
      title: 'is refused when its subprotocols are not supported',
      options: { protocols: ['other'], offer: 'chat' },
      outcome: refused(400),
    },
    {
      title: 'is refused when its origin is another host',
      options: { origin: 'https://elsewhere.example' },
      outcome: refused(403),
    },
    ...originForms.map((origin) => ({
      title: `connects with the origin ${origin}`,
      options: { origin },
      outcome: 'opened -',
    })),
    ...(sendsEmptyProtocols
      ? [
          {
            title: 'connects with an empty list of subprotocols',
            options: { offer: '[]' },
            outcome: 'opened -',
          },
        ]
      : []),
  ];
}

const trials = [...messageTrials, ...closeTrials, ...compressionTrials, ...protocolTrials];

for (const peer of peers) {
  describeTool(peer, () => {
    const running = usePeer(peer);

    for (const [role, behaviour] of Object.entries(peer.roles)) {
      describe(`as ${role}`, () => {
        const subject: Subject = { peer, role: role as PeerRole, behaviour };
        for (const { title, appliesTo, options, run } of trials) {
          if (appliesTo?.(subject) === false) continue;
          test(title, async () => {
            await run(await openPair(running(), subject.role, options), subject);
          });
        }
        if (role === 'server') return;
        for (const { title, options, outcome } of handshakeTrials(subject)) {
          test(title, async () => {
            const attempt = await letPeerConnect(running(), options);
            expect(attempt.outcome).toBe(outcome);
          });
        }
      });
    }
  });
}

const xNet = peers.find(({ name }) => name === 'Go x/net/websocket')!;

describeTool(xNet, () => {
  const running = usePeer(xNet);

  test('as server with websocket.Handler refuses a client that sends no Origin', async () => {
    await expect(openPair(running(), 'server', { path: 'origin' })).rejects.toMatchObject({
      code: 'ERR_HANDSHAKE_REFUSED',
      httpStatus: 403,
    });
  });

  test('as server with websocket.Handler lets a client in that sends an Origin', async () => {
    const pair = await openPair(running(), 'server', { path: 'origin', headers: { Origin: 'http://127.0.0.1' } });
    await expectEcho(pair, 'hello');
  });
});
