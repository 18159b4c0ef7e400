import fc from 'fast-check';
import { expect } from 'vitest';
import { errorTable } from '../../../src/errors.ts';
import type { Role } from '../../../src/protocol/constants.ts';
import type { ProtocolOptions } from '../../../src/protocol/protocol-connection.ts';
import {
  anyMessage,
  chunkSizes,
  conversation,
  cutStream,
  type Part,
  peerStream,
  writeParts,
} from '../../helpers/arbitraries.ts';
import { FakeCompression } from '../../helpers/fake-compression.ts';
import { otherRole, ROLES } from '../../helpers/frames.ts';
import { type Harness, openConnection } from '../../helpers/protocol-harness.ts';
import { defineLaw, type Law } from '../law.ts';

const LIMITS = { maxMessageBytes: 70_000, maxFragments: 8 };

interface Recording {
  readonly events: readonly string[];
  readonly sent: readonly string[];
  readonly isClosing: boolean;
}

function recordingOf({ sink, sent, connection }: Harness): Recording {
  return { events: sink.events, sent: sent(), isClosing: connection.isClosing };
}

/** Records a connection that receives a stream in one piece. */
function recordWhole(role: Role, stream: Buffer, options: Partial<ProtocolOptions> = {}): Recording {
  const harness = openConnection(role, { ...LIMITS, ...options });
  harness.connection.receive(Buffer.from(stream));
  return recordingOf(harness);
}

/** Computes, without the library, the events that a connection must report for a valid conversation. */
function expectedEvents(parts: readonly Part[]): string[] {
  const events: string[] = [];
  let isText = false;
  let pieces: Uint8Array[] = [];
  for (const { first, payload } of parts) {
    const hex = Buffer.from(payload).toString('hex');
    if (first === 0x89) events.push(`ping ${hex}`.trim());
    else if (first === 0x8a) events.push(`pong ${hex}`.trim());
    else {
      if ((first & 0x0f) !== 0) isText = (first & 0x0f) === 1;
      pieces.push(payload);
      if (first < 0x80) continue;
      const message = Buffer.concat(pieces);
      events.push(isText ? `text ${message.toString('utf8')}` : `bytes ${message.toString('hex')}`.trim());
      pieces = [];
    }
  }
  return events;
}

const compressed = conversation.map((parts) =>
  // The first frame of each message gets RSV1 and the mark of FakeCompression.
  parts.map(({ first, payload }) => {
    const isFirst = (first & 0x0f) === 1 || (first & 0x0f) === 2;
    return isFirst ? { first: first | 0x40, payload: Buffer.concat([Buffer.from('d'), payload]) } : { first, payload };
  }),
);

/** Describes a message in a text: comparing texts is much faster than comparing large buffers. */
function inShort(message: string | Uint8Array): string {
  return typeof message === 'string' ? `text ${message}` : `bytes ${Buffer.from(message).toString('hex')}`;
}

function sendingLaw(role: Role, isCompressed: boolean): Law {
  return defineLaw(
    `RFC 6455 5.6: messages of the ${role} arrive as they were sent (compressed: ${isCompressed})`,
    60,
    fc.property(fc.array(anyMessage, { maxLength: 10 }), chunkSizes, (messages, sizes) => {
      const options = isCompressed ? { compression: new FakeCompression(true) } : {};
      const sender = openConnection(role, options);
      const receiver = openConnection(otherRole(role), options);
      for (const message of messages) {
        if (typeof message === 'string') sender.connection.sendText(message);
        else sender.connection.sendBinary(Buffer.from(message));
      }
      sender.connection.close(1000, 'bye');
      for (const chunk of cutStream(sender.output.bytes, sizes)) receiver.connection.receive(chunk);
      for (const chunk of cutStream(receiver.output.bytes, sizes)) sender.connection.receive(chunk);
      expect(receiver.sink.messages.map(inShort)).toEqual(messages.map(inShort));
      expect(receiver.sink.events.at(-1)).toBe('close 1000 "bye"');
      expect(sender.sink.events).toEqual(['close 1000']);
    }),
  );
}

function lawsOf(role: Role): Law[] {
  return [
    defineLaw(
      `RFC 6455 5.4: the ${role} reports a valid conversation as it was sent`,
      100,
      fc.property(conversation, chunkSizes, (parts, sizes) => {
        const harness = openConnection(role);
        for (const chunk of cutStream(writeParts(role, parts), sizes)) harness.connection.receive(chunk);
        expect(harness.sink.events).toEqual(expectedEvents(parts));
        expect(harness.connection.isClosing).toBe(false);
      }),
    ),
    defineLaw(
      `RFC 6455 5.2: any split of any stream gives the same recording at the ${role}`,
      250,
      fc.property(peerStream(role), chunkSizes, fc.boolean(), (stream, sizes, decodesText) => {
        const harness = openConnection(role, { ...LIMITS, decodesText });
        for (const chunk of cutStream(stream, sizes)) harness.connection.receive(chunk);
        expect(recordingOf(harness)).toEqual(recordWhole(role, stream, { decodesText }));
      }),
    ),
    defineLaw(
      `any pauses of the ${role} leave the events and their order the same`,
      150,
      fc.property(peerStream(role), chunkSizes, fc.infiniteStream(fc.nat(3)), (stream, sizes, dice) => {
        const roll = (): number => dice.next().value as number;
        const harness = openConnection(role, LIMITS);
        const { connection, sink } = harness;
        sink.onEvent = () => {
          if (roll() === 0) connection.pause();
          if (roll() === 0) connection.resume();
        };
        for (const chunk of cutStream(stream, sizes)) {
          if (roll() === 0) connection.pause();
          connection.receive(chunk);
          if (roll() === 0) connection.resume();
        }
        sink.onEvent = undefined;
        connection.resume();
        expect(recordingOf(harness)).toEqual(recordWhole(role, stream));
      }),
    ),
    defineLaw(
      `RFC 7692 6.2: any delay of inflating and any pauses leave the events of the ${role} and their order the same`,
      150,
      fc.property(compressed, chunkSizes, fc.infiniteStream(fc.nat(3)), (parts, sizes, dice) => {
        const roll = (): number => dice.next().value as number;
        const compression = new FakeCompression(false);
        const stream = writeParts(role, parts);
        const harness = openConnection(role, { ...LIMITS, compression });
        const { connection, sink } = harness;
        sink.onEvent = () => {
          if (roll() === 0) connection.pause();
          if (roll() === 0) connection.resume();
        };
        for (const chunk of cutStream(stream, sizes)) {
          connection.receive(chunk);
          if (roll() === 0) connection.pause();
          if (roll() === 0 && compression.jobs > 0) compression.finishJob();
          if (roll() === 0) connection.resume();
          expect(compression.jobs).toBeLessThanOrEqual(1);
        }
        sink.onEvent = undefined;
        connection.resume();
        compression.finishJobs();
        const expected = recordWhole(role, stream, { compression: new FakeCompression(true) });
        expect(recordingOf(harness)).toEqual(expected);
      }),
    ),
    defineLaw(
      `RFC 6455 7.1.7: any bytes leave the ${role} open, closed, or failed with a code of the table and then silent`,
      150,
      fc.property(fc.array(peerStream(role), { minLength: 1, maxLength: 4 }), chunkSizes, (streams, sizes) => {
        const { connection, sink, sent } = openConnection(role, LIMITS);
        for (const chunk of cutStream(Buffer.concat(streams), sizes)) connection.receive(chunk);
        const ends = sink.events.filter((event) => event.startsWith('close ') || event.startsWith('fail '));
        expect(ends).toEqual(sink.events.slice(sink.events.length - ends.length));
        expect(ends.length).toBe(connection.isClosing ? 1 : 0);
        expect(sent().filter((each) => each.startsWith('88')).length).toBe(ends.length);
        for (const error of sink.errors) {
          expect(errorTable[error.code].errCode).toBe(error.errCode);
          expect([1002, 1007, 1008, 1009]).toContain(error.closeCode);
          expect(sent().at(-1)).toBe(`88 ${error.closeCode.toString(16).padStart(4, '0')}`);
        }
      }),
    ),
    sendingLaw(role, false),
    sendingLaw(role, true),
  ];
}

export const connectionLaws: readonly Law[] = ROLES.flatMap(lawsOf);
