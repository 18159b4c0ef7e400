import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { type Exchange, ExchangeClock, SURPLUS_WAIT_MS } from '../load/exchange.ts';
import { Failure, WRONG_ANSWER } from '../load/failure.ts';
import { targetOf } from '../load/handshake.ts';
import type { LoadPlan } from '../load/load.ts';
import { openInTurn } from '../load/open-in-turn.ts';
import { countVariants, type MessageShape, payloadOf } from '../messages.ts';
import type { ClientConnection, ClientPeer } from './client-peer.ts';

type Message = string | Buffer | object;

/** Clients that send another message for each answer. */
export class ClientLoad {
  readonly #peer: ClientPeer;
  readonly #plan: LoadPlan;
  readonly #messages: readonly Message[];
  readonly #failure = new Failure();
  readonly #clock: ExchangeClock;
  /** A function for each connection that sends its next message. */
  readonly #senders: (() => void)[] = [];
  /** Number of connections that have not got the answer before the measurements. */
  #unchecked = 0;
  #onChecked: (() => void) | undefined;

  /** @param plan - a plan with the pattern `echo` */
  constructor(peer: ClientPeer, plan: LoadPlan) {
    this.#peer = peer;
    this.#plan = plan;
    this.#clock = new ExchangeClock(this.#failure, plan.drainTimeoutMs);
    const { shape } = plan;
    this.#messages = Array.from({ length: countVariants(shape) }, (_, variant) => messageOf(shape, variant));
  }

  /** Opens the connections. The result counts handshakes. */
  async open(): Promise<Exchange> {
    const { connections, checksAnswers } = this.#plan;
    const beganAt = performance.now();
    await this.#failure.guard(
      openInTurn(connections, async (number) => {
        this.#senders.push(await this.#connect(number % this.#messages.length));
      }),
    );
    const elapsedMs = performance.now() - beganAt;
    if (checksAnswers) await this.#check();
    return { messages: connections, elapsedMs };
  }

  run(durationMs: number): Promise<Exchange> {
    const { inFlight, connections } = this.#plan;
    return this.#clock.run(durationMs, inFlight * connections, () => {
      for (const send of this.#senders) {
        for (let i = 0; i < inFlight; i++) send();
      }
    });
  }

  /** Waits for superfluous answers. Rejects when one came after the last counted answer, or a connection was lost. */
  async verify(): Promise<void> {
    await this.#failure.guard(sleep(SURPLUS_WAIT_MS));
  }

  /** Waits until each connection has got one answer. */
  #check(): Promise<void> {
    return this.#failure.guard(
      new Promise((resolve) => {
        this.#onChecked = resolve;
        this.#unchecked = this.#senders.length;
        for (const send of this.#senders) send();
      }),
    );
  }

  async #connect(firstVariant: number): Promise<() => void> {
    const { shape, port } = this.#plan;
    const messages = this.#messages;
    let sent = firstVariant;
    let answered = firstVariant;
    const connection: ClientConnection = await this.#peer.connect({
      url: `ws://127.0.0.1:${port}${targetOf(firstVariant)}`,
      shape,
      onMessage: (data) => {
        const message = messages[answered % messages.length] as Message;
        // The first answers are compared byte by byte, later ones only in ways that cost the measured clients nothing.
        const isWholeCompared = answered++ < firstVariant + messages.length;
        const isExpected = isWholeCompared ? isMessage(data, message) : looksLike(data, message);
        if (!isExpected) this.#failure.fail(WRONG_ANSWER);
        // A superfluous answer must not make up for a missing answer of another connection.
        else if (answered > sent) this.#failure.fail('more answers than messages');
        else if (this.#unchecked > 0) this.#onCheckedAnswer();
        else if (this.#clock.answered(1)) send();
      },
      onLost: this.#onLost,
    });
    const send = (): void => connection.send(messages[sent++ % messages.length] as Message);
    return send;
  }

  #onCheckedAnswer(): void {
    if (--this.#unchecked === 0) this.#onChecked?.();
  }

  // All connections share one function, so that it does not count as memory of each.
  readonly #onLost = (): void => this.#failure.fail('connection lost');
}

function messageOf(shape: MessageShape, variant: number): Message {
  const payload = payloadOf(shape, variant);
  if (shape.kind === 'binary') return payload;
  return shape.kind === 'text' ? payload.toString() : (JSON.parse(payload.toString()) as object);
}

/** Tells whether data equals a message. Text may also come as its bytes. */
function isMessage(data: unknown, message: Message): boolean {
  if (!(data instanceof ArrayBuffer || data instanceof Uint8Array)) return isDeepStrictEqual(data, message);
  const bytes = data instanceof ArrayBuffer ? Buffer.from(data) : data;
  return typeof message === 'string' || message instanceof Buffer ? Buffer.from(message).equals(bytes) : false;
}

/** Tells whether data has the size and the mark of a message. */
function looksLike(data: unknown, message: Message): boolean {
  return sizeOf(data) === sizeOf(message) && markOf(data) === markOf(message);
}

/** Returns the length of ASCII text or bytes, or of the text of an object. */
function sizeOf(data: unknown): number {
  if (typeof data === 'string') return data.length;
  if (data instanceof Uint8Array || data instanceof ArrayBuffer) return data.byteLength;
  return (data as { readonly text: string }).text.length;
}

/** Returns the code of the first character or byte, or the id of an object. */
function markOf(data: unknown): number {
  if (typeof data === 'string') return data.charCodeAt(0);
  if (data instanceof Uint8Array) return data[0] as number;
  if (data instanceof ArrayBuffer) return new DataView(data).getUint8(0);
  return (data as { readonly id: number }).id;
}
