import { type AddressInfo, createServer, type Socket } from 'node:net';
import type { AnswerPlace, Answers } from '../load/answers.ts';
import { CompressedAnswers } from '../load/compressed-answers.ts';
import { CountedMessages } from '../load/counted-messages.ts';
import { WRONG_MESSAGE } from '../load/failure.ts';
import { FrameCycle } from '../load/frame-cycle.ts';
import { buildFrame, buildFrames } from '../load/frames.ts';
import { answerUpgrade, firstVariantOf, offersCompression } from '../load/handshake.ts';
import { countVariants, type MessageShape } from '../messages.ts';
import type { ServerWorkload } from '../processes/calls.ts';
import type { ServerPeer } from './server-peer.ts';

/** Most answers that leave in one write. */
const MAX_BURST = 16;

/**
 * What Node's sockets alone cost, the floor for anything that stands on them: bytes are counted, not looked at, and each
 * message's worth of bytes is answered by bytes that were made beforehand. With which message a client begins is in its URL,
 * and those that follow come in turn. What clients compress has sizes of their own: it is read frame by frame, and compared.
 */
export function createPeer(): ServerPeer {
  /** By connection, the message that comes next and is answered next. */
  const places = new Map<Socket, AnswerPlace>();
  let fault: string | undefined;

  function serve({ behaviour, shape }: ServerWorkload): Promise<number> {
    const isCompressed = shape.isCompressed === true;
    const messages = messagesOf(shape);
    const answers = new FrameCycle(buildFrames(shape, false), MAX_BURST);

    function onMessages(socket: Socket, firstVariant: number, count: number): void {
      let next = firstVariant;
      for (let left = count; left > 0; left -= MAX_BURST) {
        const burst = Math.min(left, MAX_BURST);
        const answer = answers.run(next, burst);
        next = answers.after(next, burst);
        if (behaviour === 'echo') socket.write(answer);
        else for (const other of places.keys()) other.write(answer);
      }
    }

    function refuse(socket: Socket, reason: string): void {
      fault ??= reason;
      socket.resetAndDestroy();
    }

    const server = createServer({ noDelay: true }, (socket) => {
      const place: AnswerPlace = { answerVariant: 0, unclaimedBytes: 0 };
      let isOpen = false;
      places.set(socket, place);
      socket.on('error', () => {});
      socket.on('close', () => places.delete(socket));
      socket.on('data', (bytes) => {
        if (isOpen) {
          const { answerVariant } = place;
          const count = messages.read(place, bytes.length, bytes);
          if (count < 0) refuse(socket, WRONG_MESSAGE);
          else if (count > 0) onMessages(socket, answerVariant, count);
          return;
        }
        // The load sends its request in one piece, and nothing before the answer.
        isOpen = true;
        const request = bytes.toString('latin1');
        place.answerVariant = firstVariantOf(request) % answers.length;
        if (!isCompressed || offersCompression(request)) socket.write(answerUpgrade(request, isCompressed));
        else refuse(socket, 'a client does not offer to compress, or limits the window of the server');
      });
    });
    return new Promise((resolve) => {
      server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
    });
  }

  function findFault(isQuiet: boolean): string | undefined {
    if (fault !== undefined || !isQuiet) return fault;
    const hasRest = Array.from(places.values()).some(({ unclaimedBytes }) => unclaimedBytes > 0);
    return hasRest ? 'bytes came that belong to no message' : undefined;
  }

  return {
    version: process.versions.node,
    notes: 'bare sockets: counts bytes, sends bytes made beforehand',
    serve,
    findFault,
  };
}

function messagesOf(shape: MessageShape): Answers {
  return shape.isCompressed === true
    ? new CompressedAnswers(shape, true)
    : new CountedMessages(buildFrame(shape, true).length, countVariants(shape));
}
