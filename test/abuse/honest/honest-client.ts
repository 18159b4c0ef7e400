import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { FrameReader } from '../../conformance/runner/frame-code.ts';
import { readHead } from '../../conformance/runner/http-head.ts';
import { createDeferred } from '../../helpers/deferred.ts';
import { frame } from '../../helpers/frames.ts';
import { handshakeRequest } from '../../helpers/handshake-request.ts';
import type { HonestLedger, Phase } from './honest-ledger.ts';
import { honestMessage } from './honest-message.ts';

/** Number of answers that are remembered, to tell an answer that comes twice from a changed one. */
const REMEMBERED_COUNT = 100;

interface Sent {
  readonly text: string;
  readonly phase: Phase;
  readonly atMs: number;
}

/** A client that sends numbered messages and expects each back once, unchanged and in order. */
export class HonestClient {
  readonly #socket: Socket;
  readonly #clientNumber: number;
  readonly #ledger: HonestLedger;
  readonly #reader = new FrameReader('client', false);
  readonly #over = createDeferred();
  #nextNumber = 0;
  #waiting: Sent[] = [];
  readonly #answered: string[] = [];
  #isLeaving = false;
  #isOver = false;

  private constructor(socket: Socket, client: number, ledger: HonestLedger, rest: Buffer) {
    this.#socket = socket;
    this.#clientNumber = client;
    this.#ledger = ledger;
    this.#onData(rest);
    socket.on('data', (chunk: Buffer) => this.#onData(chunk));
    socket.on('close', () => this.#onClose('TCP ended'));
    socket.resume();
  }

  /** Connects, and resolves when the connection is open. */
  static async open(port: number, client: number, ledger: HonestLedger): Promise<HonestClient> {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true });
    await once(socket, 'connect');
    // Node emits 'close' after every 'error'.
    socket.on('error', () => {});
    socket.write(handshakeRequest());
    const { startLine, rest } = await readHead(socket);
    if (!startLine.startsWith('HTTP/1.1 101')) throw new Error(`an honest client was refused: ${startLine}`);
    return new HonestClient(socket, client, ledger, rest);
  }

  /** Number of messages that have not come back. */
  get waitingCount(): number {
    return this.#waiting.length;
  }

  /** Sends the next message. */
  send(): void {
    if (this.#isOver) return;
    const text = honestMessage(this.#clientNumber, this.#nextNumber++);
    this.#waiting.push({ text, phase: this.#ledger.phase, atMs: performance.now() });
    this.#ledger.onSent();
    this.#socket.write(frame('client', '81', Buffer.from(text, 'utf8')));
  }

  /** Closes the connection with a closing handshake. Messages that have not come back count as lost. */
  async leave(): Promise<void> {
    if (this.#isOver) return;
    this.#isLeaving = true;
    this.#ledger.onLost(this.#waiting.length);
    this.#waiting = [];
    this.#socket.write(frame('client', '88', '03e8'));
    await this.#over.promise;
  }

  #onData(chunk: Buffer): void {
    this.#reader.push(chunk);
    try {
      for (let seen = this.#reader.read(); seen !== undefined; seen = this.#reader.read()) {
        if (seen.opcode === 9) this.#socket.write(frame('client', '8a', seen.payload));
        else if (seen.opcode === 8) this.#onClose(`close frame ${seen.payload.toString('hex', 0, 2)}`);
        else this.#onAnswer(seen.payload.toString('utf8'));
      }
    } catch (error) {
      this.#ledger.onChanged();
      this.#onClose((error as Error).message);
      this.#socket.destroy();
    }
  }

  #onAnswer(text: string): void {
    const index = this.#waiting.findIndex((sent) => sent.text === text);
    if (index < 0) {
      if (this.#answered.includes(text)) this.#ledger.onDoubled();
      else this.#ledger.onChanged();
      return;
    }
    // Answers must come in order, so earlier messages without an answer are lost.
    this.#ledger.onLost(index);
    const sent = this.#waiting[index]!;
    this.#waiting.splice(0, index + 1);
    this.#ledger.onAnswered(sent.phase, performance.now() - sent.atMs);
    this.#answered.push(text);
    if (this.#answered.length > REMEMBERED_COUNT) this.#answered.shift();
  }

  #onClose(reason: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (!this.#isLeaving) {
      this.#ledger.onBroken(reason);
      this.#ledger.onLost(this.#waiting.length);
      this.#waiting = [];
    }
    this.#over.resolve();
  }
}
