import type { Socket } from 'node:net';
import type { MessageDeflate } from './deflate.ts';
import { applyMask, buildHeader, FrameReader, type Incoming, type RunnerRole } from './frame-code.ts';

/** An event from the peer. */
export type Seen =
  | { readonly kind: 'message'; readonly isText: boolean; readonly payload: Buffer }
  | { readonly kind: 'pong'; readonly payload: Buffer }
  | { readonly kind: 'close'; readonly code: number | 'none' }
  /** The TCP connection has ended. */
  | { readonly kind: 'end' }
  /** The peer broke a rule. */
  | { readonly kind: 'violation'; readonly problem: string };

/** The faults of a frame that breaks the rules on purpose. */
export interface FrameFaults {
  readonly announcedBytes?: number | undefined;
  readonly lengthBytes?: 2 | 8 | undefined;
  readonly isMaskWrong?: boolean | undefined;
}

const END: Seen = { kind: 'end' };

/** The runner's side of a connection: sends raw frames and queues the events from the peer. */
export class RunnerConnection {
  readonly deflate: MessageDeflate | undefined;
  readonly #socket: Socket;
  readonly #role: RunnerRole;
  readonly #reader: FrameReader;
  readonly #seen: (Seen | Incoming)[] = [];
  #wake: (() => void) | undefined;
  #key = Buffer.from([0x37, 0xfa, 0x21, 0x3d]);
  /** The number of payload bytes of the last frame that were sent, at which {@link rest} continues the mask. */
  #sentOfFrame = 0;
  #isFrameMasked = false;
  #hasSentClose = false;
  #isPeerFirst = false;
  #hasEnded = false;

  /** @param rest - the bytes that arrived after the handshake */
  constructor(socket: Socket, role: RunnerRole, deflate: MessageDeflate | undefined, rest: Buffer) {
    this.#socket = socket;
    this.#role = role;
    this.deflate = deflate;
    this.#reader = new FrameReader(role, deflate !== undefined);
    this.#receive(rest);
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('close', () => {
      this.#hasEnded = true;
      this.#push(END);
    });
    // The handshake has paused the socket.
    socket.resume();
  }

  get hasSentClose(): boolean {
    return this.#hasSentClose;
  }

  /** True when the close frame of the peer arrived before the runner sent one. */
  get isPeerFirst(): boolean {
    return this.#isPeerFirst;
  }

  /** The number of written bytes that the kernel has not taken yet. */
  get unsentBytes(): number {
    return this.#socket.writableLength;
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Builds the bytes of a frame. */
  frame(first: number, payload: Buffer, faults: FrameFaults = {}): Buffer {
    const isMasked = (this.#role === 'client') !== (faults.isMaskWrong ?? false);
    // A frame with reserved bits or a wrong mask is a violation, not a close frame.
    if (first === 0x88 && faults.isMaskWrong !== true) this.#hasSentClose = true;
    this.#sentOfFrame = payload.length;
    this.#isFrameMasked = isMasked;
    this.#key = Buffer.from(this.#key.map((byte) => (byte * 5 + 17) & 0xff));
    const header = buildHeader(
      first,
      faults.announcedBytes ?? payload.length,
      isMasked ? this.#key : null,
      faults.lengthBytes,
    );
    const content = Buffer.from(payload);
    if (isMasked) applyMask(content, this.#key);
    return Buffer.concat([header, content]);
  }

  /** Builds more payload bytes of the last frame. */
  rest(payload: Buffer): Buffer {
    const content = Buffer.from(payload);
    if (this.#isFrameMasked) applyMask(content, this.#key, this.#sentOfFrame);
    this.#sentOfFrame += payload.length;
    return content;
  }

  /** Writes bytes, or drops them when the TCP connection has ended. */
  write(bytes: Buffer): void {
    if (this.#socket.writable) this.#socket.write(bytes);
  }

  /**
   * Waits for the next event.
   *
   * @returns undefined when no event arrived in time
   */
  async next(timeoutMs: number): Promise<Seen | undefined> {
    if (this.#seen.length === 0 && !this.#hasEnded) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, timeoutMs);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.#wake = undefined;
    }
    const seen = this.#seen.shift();
    if (seen === undefined) return this.#hasEnded ? END : undefined;
    return 'kind' in seen ? seen : await this.#toSeen(seen);
  }

  /** Puts back an event that {@link next} returned. */
  putBack(seen: Seen): void {
    this.#seen.unshift(seen);
  }

  /** Stops reading until {@link resume}. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  destroy(): void {
    this.#socket.destroy();
    this.deflate?.close();
  }

  #receive(chunk: Buffer): void {
    this.#reader.push(chunk);
    try {
      for (let incoming = this.#reader.read(); incoming !== undefined; incoming = this.#reader.read()) {
        if (incoming.opcode === 8) this.#onClose(incoming.payload);
        if (incoming.opcode === 9) this.write(this.frame(0x8a, incoming.payload));
        else this.#push(incoming);
      }
    } catch (error) {
      this.#push({ kind: 'violation', problem: (error as Error).message });
    }
  }

  /** Answers a close frame, and ends TCP as the server (RFC 6455 sections 5.5.1 and 7.1.1). */
  #onClose(payload: Buffer): void {
    if (!this.#hasSentClose) {
      this.#isPeerFirst = true;
      this.write(this.frame(0x88, payload));
    }
    if (this.#role === 'server') this.#socket.end();
  }

  #push(seen: Seen | Incoming): void {
    this.#seen.push(seen);
    this.#wake?.();
  }

  async #toSeen({ opcode, payload, isCompressed }: Incoming): Promise<Seen> {
    if (opcode === 8) return { kind: 'close', code: payload.length === 0 ? 'none' : payload.readUInt16BE(0) };
    if (opcode === 10) return { kind: 'pong', payload };
    try {
      const content = isCompressed ? await this.deflate!.inflate(payload) : payload;
      return { kind: 'message', isText: opcode === 1, payload: content };
    } catch (error) {
      return {
        kind: 'violation',
        problem: `the peer sent a message that does not inflate: ${(error as Error).message}`,
      };
    }
  }
}
