import fc from 'fast-check';
import { expect } from 'vitest';
import { parseClientOptions } from '../../../src/client/client-options.ts';
import type { Role } from '../../../src/protocol/constants.ts';
import { parseExtensions } from '../../../src/handshake/header-grammar.ts';
import {
  acceptOffer,
  buildOffer,
  checkAnswer,
  type DeflateParameters,
} from '../../../src/handshake/permessage-deflate.ts';
import { Connection } from '../../../src/connection/connection.ts';
import { MemoryTransport } from '../../../src/transport/memory-transport.ts';
import { CompressionFactory } from '../../../src/connection/zlib.ts';
import { anyMessage } from '../../helpers/arbitraries.ts';
import { deflateFinally, deflateMessage, inflated, NO_LIMITS } from '../../helpers/deflate.ts';
import { describeBytes, RecordingConnectionListener } from '../../helpers/recording-connection-listener.ts';
import { turns } from '../../helpers/turns.ts';
import { defineLaw, type Law } from '../law.ts';

const wishes: fc.Arbitrary<DeflateParameters> = fc.record({
  serverNoContextTakeover: fc.boolean(),
  clientNoContextTakeover: fc.boolean(),
  serverMaxWindowBits: fc.integer({ min: 9, max: 15 }),
  clientMaxWindowBits: fc.integer({ min: 9, max: 15 }),
});

/** Generates similar messages, so that context takeover matters, some long enough for the thread pool. */
const wordyMessage = fc
  .tuple(
    fc.array(fc.constantFrom('alpha ', 'beta ', 'gamma ', '{"id":4711,', '\u00e9', 'x'), { maxLength: 60 }),
    fc.nat(9),
  )
  .map(([words, dice]) => words.join('').repeat(dice === 0 ? 400 : dice === 1 ? 30 : 1));

const sending = fc.record({
  from: fc.constantFrom<Role>('client', 'server'),
  message: fc.oneof({ weight: 3, arbitrary: wordyMessage }, { weight: 1, arbitrary: anyMessage }),
  compress: fc.constantFrom(undefined, true, false),
});

/** Negotiates through the headers of both sides. */
function negotiate(client: DeflateParameters, server: DeflateParameters): DeflateParameters {
  const accepted = acceptOffer(parseExtensions(buildOffer(client))!, server)!;
  const agreed = checkAnswer(parseExtensions(accepted.answer)!, client);
  expect(agreed).toEqual(accepted.parameters);
  return agreed as DeflateParameters;
}

function openEnd(role: Role, transport: MemoryTransport, agreed: DeflateParameters, thresholdBytes: number) {
  const listener = new RecordingConnectionListener();
  const connection = new Connection(transport, Buffer.alloc(0), {
    ...parseClientOptions({}).limits,
    role,
    decodesText: true,
    compression: new CompressionFactory(role, { thresholdBytes, level: 3 }).create(agreed),
  });
  connection.start(listener);
  connection.resume();
  return { connection, listener };
}

function inShort(message: string | Uint8Array): string {
  return typeof message === 'string' ? `text ${message}` : `bytes ${describeBytes(Buffer.from(message))}`;
}

const almostCompressed = fc
  .tuple(wordyMessage, fc.boolean(), fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), { maxLength: 3 }))
  .map(([text, isFinal, changes]) => {
    const bytes = Buffer.from((isFinal ? deflateFinally : deflateMessage)(text));
    for (const [at, mask] of changes) if (bytes.length > 0) bytes[at % bytes.length]! ^= mask;
    return bytes;
  });
const anyBytes = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes));
export const compressedInputs = fc
  .tuple(fc.array(fc.oneof(almostCompressed, anyBytes), { minLength: 1, maxLength: 5 }), fc.constantFrom(1, 1, 1, 60))
  .map(([parts, times]) => Buffer.concat(Array.from({ length: times }, () => parts).flat()));

const parameter = fc.oneof(
  fc.constantFrom(
    'server_no_context_takeover',
    'client_no_context_takeover',
    'client_max_window_bits',
    'server_max_window_bits=8',
  ),
  fc
    .tuple(fc.constantFrom('client_max_window_bits', 'server_max_window_bits', 'toString'), fc.integer())
    .map(([name, value]) => `${name}=${Math.abs(value) % 18}`),
);
const offer = fc
  .array(parameter, { maxLength: 4 })
  .map((parameters) => ['permessage-deflate', ...parameters].join(';'));
const header = fc.oneof(
  fc.array(offer, { minLength: 1, maxLength: 4 }).map((offers) => offers.join(',')),
  fc.string({ maxLength: 60 }),
);

/** Inflates each input as one connection would: to a message of 5000 bytes at most, or to an error. */
export async function inflateAll(inputs: readonly Buffer[], agreed: DeflateParameters): Promise<(Buffer | Error)[]> {
  const { inflater } = new CompressionFactory('server', { thresholdBytes: 0, level: 3 }).create(agreed);
  const outcomes: (Buffer | Error)[] = [];
  for (const input of inputs) outcomes.push(await inflated(inflater, input, 5000));
  return outcomes;
}

export const compressionLaws: readonly Law[] = [
  defineLaw(
    'RFC 7692: any messages arrive as they were sent, in both directions and with any parameters',
    60,
    fc.asyncProperty(
      wishes,
      wishes,
      fc.constantFrom(0, 1, 100),
      fc.array(sending, { maxLength: 25 }),
      async (client, server, thresholdBytes, sendings) => {
        const agreed = negotiate(client, server);
        const [left, right] = MemoryTransport.pair();
        const ends = {
          client: openEnd('client', left, agreed, thresholdBytes),
          server: openEnd('server', right, agreed, thresholdBytes),
        };
        const expected: Record<Role, string[]> = { client: [], server: [] };
        for (const [i, { from, message, compress }] of sendings.entries()) {
          ends[from].connection.send(typeof message === 'string' ? message : Buffer.from(message), compress);
          expected[from === 'client' ? 'server' : 'client'].push(inShort(message));
          if (i % 4 === 3) await turns(2);
        }
        for (const role of ['client', 'server'] as const) {
          await ends[role].listener.until(() => ends[role].listener.events.length >= expected[role].length);
        }
        // The close frame leaves behind all messages.
        ends.client.connection.close(1000, '', 10_000);
        for (const role of ['client', 'server'] as const) {
          const { listener } = ends[role];
          await listener.untilTerminated();
          expect(listener.events.filter((event) => /^(?:text|bytes)/.test(event))).toEqual(expected[role]);
          expect(listener.errors).toEqual([]);
        }
      },
    ),
  ),
  defineLaw(
    'RFC 7692 7.2.2: any bytes are inflated to a message within the limit or to an error, and never throw',
    300,
    fc.asyncProperty(fc.array(compressedInputs, { minLength: 1, maxLength: 4 }), wishes, async (inputs, agreed) => {
      for (const outcome of await inflateAll(inputs, agreed)) {
        if (!(outcome instanceof Error)) expect(outcome.length).toBeLessThanOrEqual(5000);
      }
    }),
  ),
  defineLaw(
    'RFC 7692 7.1: any offer is declined, or answered with parameters that its sender accepts',
    1000,
    fc.property(header, wishes, (text, wanted) => {
      const accepted = acceptOffer(parseExtensions(text) ?? [], wanted);
      if (accepted === undefined) return;
      const { parameters, answer } = accepted;
      expect(checkAnswer(parseExtensions(answer)!, NO_LIMITS)).toEqual(parameters);
      expect(parameters.serverMaxWindowBits).toBeLessThanOrEqual(wanted.serverMaxWindowBits);
      const holdsMore = parameters.clientMaxWindowBits > wanted.clientMaxWindowBits;
      if (holdsMore) expect(parameters.clientNoContextTakeover).toBe(true);
    }),
  ),
  defineLaw(
    'RFC 7692 7.1: any answer is accepted within the offer, or refused with a reason',
    1000,
    fc.property(header, wishes, (text, offered) => {
      const agreed = checkAnswer(parseExtensions(text) ?? [], offered);
      if (typeof agreed === 'object') {
        expect(agreed.clientMaxWindowBits).toBeLessThanOrEqual(offered.clientMaxWindowBits);
      } else if (agreed !== undefined) {
        expect(agreed).toMatch(/^Sec-WebSocket-Extensions /);
      }
    }),
  ),
];
