import type { Duplex } from 'node:stream';
import type { UpgradeRequest, ValidUpgrade } from '../handshake/server-handshake.ts';
import { isThenable } from '../workers/worker.ts';
import { type Deadline, timers } from '../base/timers.ts';
import { answerUpgrade, refuseUpgrade } from '../http/upgrade-router.ts';
import type { Refusal } from './admission.ts';
import type { ConnectionEvent } from '../session/events.ts';
import { toRequestInfo } from './request-info.ts';
import type { ClientFacts } from './trusted-proxies.ts';

/** Decides about clients: the server. */
export interface UpgradeJudge {
  readonly handshakeTimeoutMs: number;
  /** Asks whether `origins` allows it, then the user's onConnection. May throw, or return a promise. */
  askUser(event: ConnectionEvent, client: ClientFacts): unknown;
  /** onConnection has answered: accept or refuse. */
  onAnswer(upgrade: PendingUpgrade, answer: unknown): void;
  /** onConnection has thrown or rejected, perhaps after the upgrade was settled. */
  onAnswerFailed(upgrade: PendingUpgrade, thrown: unknown): void;
  /** The upgrade waits no longer, whatever became of it. */
  onSettled(upgrade: PendingUpgrade): void;
}

/** A valid upgrade request that waits for the verdict of `onConnection`. */
export class PendingUpgrade implements Deadline {
  readonly socket: Duplex;
  readonly head: Buffer;
  readonly handshake: ValidUpgrade;
  readonly protocol: string;
  readonly request: UpgradeRequest;
  readonly client: ClientFacts;
  /** What it counts for: `ConnectionCounts.networkOf`. */
  network = '';
  readonly #judge: UpgradeJudge;
  #ticket: number | undefined;
  readonly #onClose = (): void => this.settle();
  #isWaiting = false;
  #isSettled = false;

  constructor(
    judge: UpgradeJudge,
    request: UpgradeRequest,
    socket: Duplex,
    head: Buffer,
    handshake: ValidUpgrade,
    protocol: string,
    client: ClientFacts,
  ) {
    this.#judge = judge;
    this.request = request;
    this.client = client;
    this.socket = socket;
    this.head = head;
    this.handshake = handshake;
    this.protocol = protocol;
  }

  /** The verdict takes time: from now on there is a deadline, and a client that goes is noticed. */
  wait(): void {
    if (this.#isWaiting || this.#isSettled) return;
    this.#isWaiting = true;
    this.socket.on('close', this.#onClose);
    const { handshakeTimeoutMs } = this.#judge;
    if (handshakeTimeoutMs !== Infinity) this.#ticket = timers.schedule(this, handshakeTimeoutMs);
  }

  /** Asks the user's onConnection. What it returns, if anything, is a promise that never rejects. */
  ask(): PromiseLike<void> | undefined {
    if (this.#isSettled) return undefined;
    try {
      const request = toRequestInfo(this.request, this.client.address);
      const answer = this.#judge.askUser({ type: 'connection', request }, this.client);
      if (isThenable(answer)) {
        this.wait();
        return Promise.resolve(answer).then(
          (verdict) => this.#answer(verdict),
          (thrown: unknown) => this.#fail(thrown),
        );
      }
      this.#answer(answer);
    } catch (thrown) {
      this.#fail(thrown);
    }
    return undefined;
  }

  /** Refuses the client with a plain HTTP answer. Does nothing when it is settled. */
  refuse(status: number, text: string): void {
    if (this.#isSettled) return;
    this.settle();
    refuseUpgrade(this.socket, status, text);
  }

  /** Refuses the client as the user wants. Does nothing when it is settled. */
  refuseWith({ status, body, headerLines }: Refusal): void {
    if (this.#isSettled) return;
    this.settle();
    answerUpgrade(this.socket, status, body, headerLines);
  }

  /** The wait is over: the deadline and the listener go. */
  settle(): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    if (this.#ticket !== undefined) timers.cancel(this, this.#ticket);
    if (this.#isWaiting) this.socket.off('close', this.#onClose);
    this.#judge.onSettled(this);
  }

  onDeadline(): void {
    this.refuse(503, 'the server took too long to decide');
  }

  #answer(answer: unknown): void {
    if (!this.#isSettled) this.#judge.onAnswer(this, answer);
  }

  /** Told also when the client has gone meanwhile: a mistake in user code must not pass in silence. */
  #fail(thrown: unknown): void {
    this.#judge.onAnswerFailed(this, thrown);
  }
}
