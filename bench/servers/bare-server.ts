import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { AnswerPlace, Answers } from '../load/answers.ts';
import { CompressedAnswers } from '../load/compressed-answers.ts';
import { CountedMessages } from '../load/counted-messages.ts';
import { WRONG_MESSAGE } from '../load/failure.ts';
import { FrameCycle } from '../load/frame-cycle.ts';
import { buildFrame, buildFrames } from '../load/frames.ts';
import { answerUpgrade, firstVariantOf, offersCompression } from '../load/handshake.ts';
import { countVariants, type MessageShape } from '../messages.ts';
import type { ServerWorkload } from '../processes/calls.ts';

/** Most answers in one write. */
const MAX_BURST = 16;

/**
 * Bare sockets of Node instead of a WebSocket server: bytes are counted, not parsed, and each message's worth of bytes
 * is answered with prebuilt bytes. The URL of a client names its first message; the others follow in turn. Compressed
 * messages have no fixed size, so they are read frame by frame and compared.
 */
export class BareServer {
  readonly #isCompressed: boolean;
  readonly #isEcho: boolean;
  readonly #messages: Answers;
  readonly #answers: FrameCycle;
  readonly #server: Server;
  /** The next message and answer of each connection. */
  readonly #places = new Map<Socket, AnswerPlace>();
  #fault: string | undefined;

  constructor({ behaviour, shape }: ServerWorkload) {
    this.#isCompressed = shape.isCompressed === true;
    this.#isEcho = behaviour === 'echo';
    this.#messages = messagesOf(shape);
    this.#answers = new FrameCycle(buildFrames(shape, false), MAX_BURST);
    this.#server = createServer({ noDelay: true }, (socket) => this.#onConnection(socket));
  }

  /** Starts the server on a free port of 127.0.0.1, and returns the port. */
  listen(): Promise<number> {
    return new Promise((resolve) => {
      this.#server.listen(0, '127.0.0.1', () => resolve((this.#server.address() as AddressInfo).port));
    });
  }

  /**
   * Describes a wrong message of a client; undefined when there was none.
   *
   * @param isQuiet - true when all messages were answered, so that no part of a message may be left
   */
  findFault(isQuiet: boolean): string | undefined {
    if (this.#fault !== undefined || !isQuiet) return this.#fault;
    const hasRest = Array.from(this.#places.values()).some(({ unclaimedBytes }) => unclaimedBytes > 0);
    return hasRest ? 'bytes came that belong to no message' : undefined;
  }

  /** Ends the server, and resets all connections. */
  close(): void {
    for (const socket of this.#places.keys()) socket.resetAndDestroy();
    this.#server.close();
  }

  #onConnection(socket: Socket): void {
    const place: AnswerPlace = { answerVariant: 0, unclaimedBytes: 0 };
    let isOpen = false;
    this.#places.set(socket, place);
    socket.on('error', () => {});
    socket.on('close', () => this.#places.delete(socket));
    socket.on('data', (bytes) => {
      if (isOpen) this.#onBytes(socket, place, bytes);
      else {
        // Clients send their request in one piece, and nothing before the answer.
        isOpen = true;
        this.#onRequest(socket, place, bytes.toString('latin1'));
      }
    });
  }

  #onRequest(socket: Socket, place: AnswerPlace, request: string): void {
    place.answerVariant = firstVariantOf(request) % this.#answers.length;
    if (!this.#isCompressed || offersCompression(request)) socket.write(answerUpgrade(request, this.#isCompressed));
    else this.#refuse(socket, 'a client does not offer to compress, or asks the server for a window that is too small');
  }

  #onBytes(socket: Socket, place: AnswerPlace, bytes: Buffer): void {
    const { answerVariant } = place;
    const count = this.#messages.read(place, bytes.length, bytes);
    if (count < 0) this.#refuse(socket, WRONG_MESSAGE);
    else if (count > 0) this.#answer(socket, answerVariant, count);
  }

  #answer(socket: Socket, firstVariant: number, count: number): void {
    let next = firstVariant;
    for (let left = count; left > 0; left -= MAX_BURST) {
      const burst = Math.min(left, MAX_BURST);
      const answer = this.#answers.run(next, burst);
      next = this.#answers.after(next, burst);
      if (this.#isEcho) socket.write(answer);
      else for (const other of this.#places.keys()) other.write(answer);
    }
  }

  #refuse(socket: Socket, reason: string): void {
    this.#fault ??= reason;
    socket.resetAndDestroy();
  }
}

function messagesOf(shape: MessageShape): Answers {
  return shape.isCompressed === true
    ? new CompressedAnswers(shape, true)
    : new CountedMessages(buildFrame(shape, true).length, countVariants(shape));
}
