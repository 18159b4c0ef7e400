import { monotonicMs } from '../base/clock.ts';
import { RateLimit } from '../connection/rate-limit.ts';
import { callHandler, hasCallback } from '../session/call-handler.ts';
import type { Publication } from '../topics/feed.ts';
import {
  type CheckedFrame,
  type FrameCode,
  type FrameId,
  type FrameProblem,
  type PublishFrame,
  readClientFrame,
  type WantedTopic,
} from '../topics/frame-reader.ts';
import { ALIVE_FRAME, answerFrame, problemFrame, publishedFrame, unsubbedFrame } from '../topics/topic-frames.ts';
import type { Since } from '../topics/topic-handler.ts';
import { ME } from '../topics/user-topic.ts';
import { isWithoutHistory, readGiven } from './client-frame-checks.ts';
import { answerHistory, answerMembers, refuseOfBroker } from './client-questions.ts';
import type { FrameOwner } from './frame-owner.ts';
import { callUser } from './topic-call.ts';
import type { PublishEvent, RequestEvent, SubscribeEvent } from './topic-events.ts';
import { Denial, Grant, readGrant } from './topic-grant.ts';
import { type LanesOwner, TopicLanes } from './topic-lanes.ts';
import { checkSize, toData } from './topic-publishing.ts';
import { type Arrival, TopicRefusals } from './topic-refusals.ts';

/** In the place of a result: the handler has no such callback. */
const NO_CALLBACK: unique symbol = Symbol('no callback');

const OWN_GRANT = new Grant({});
const NO_PRESENCE = { show: false, watch: false, info: undefined } as const;

/**
 * Reads the frames of one client, asks the handler of its connection, and answers.
 *
 * @remarks Nothing that a client sends ends its connection here, or reaches others before the handler has agreed.
 */
export class ClientFrames implements LanesOwner {
  readonly #owner: FrameOwner;
  readonly #lanes = new TopicLanes(this);
  #subscribeRate: RateLimit | undefined;
  #publishRate: RateLimit | undefined;
  readonly #refusals = new TopicRefusals();

  constructor(owner: FrameOwner) {
    this.#owner = owner;
  }

  /** Whether so many frames wait that nothing more is to be read. */
  get isFull(): boolean {
    return this.#lanes.isFull;
  }

  onText(text: string): void {
    const frame = readClientFrame(text);
    if ('code' in frame) this.#refuse(frame);
    else this.#take(frame);
  }

  /** The connection is over. */
  end(): void {
    this.#lanes.end();
  }

  // LanesOwner

  onLanesFull(): void {
    this.#owner.peer.pauseReading();
  }

  onLanesFree(): void {
    this.#owner.peer.resumeReading();
  }

  #refuse(problem: FrameProblem): void {
    this.#owner.send(problemFrame(problem));
  }

  /** Refuses a publication that may come again. */
  #refuseForNow(arrival: Arrival, problem: FrameProblem): void {
    this.#refusals.note(arrival, problem);
    this.#refuse(problem);
  }

  #take(frame: CheckedFrame): void {
    switch (frame.t) {
      case 'ping':
        this.#owner.send(ALIVE_FRAME);
        break;
      case 'msg':
        this.#deliver(frame.data);
        break;
      case 'sub':
        for (const problem of frame.problems) this.#refuse(problem);
        for (const wanted of frame.topics) this.#takeSub(wanted, frame.presence, frame.id);
        break;
      case 'unsub':
        this.#lanes.add(frame.topic, (done) => {
          const subscription = this.#owner.find(frame.topic);
          if (subscription !== undefined) this.#owner.endSubscription(subscription, 'client', '', '');
          done();
        });
        break;
      case 'pub':
        this.#takePub(frame);
        break;
      case 'req':
        this.#takeRequest(frame.id, frame.data);
        break;
      case 'hist':
        this.#lanes.add(frame.topic, (done) => void answerHistory(this.#owner, frame).finally(done));
        break;
      case 'who':
        this.#lanes.add(frame.topic, (done) => void answerMembers(this.#owner, frame).finally(done));
        break;
    }
  }

  #deliver(data: unknown): void {
    const { dataType } = this.#owner.peer;
    if (dataType === 'object' || (dataType !== 'blob' && typeof data === 'string')) this.#owner.peer.deliver(data);
    else {
      const form = dataType === 'blob' ? 'a binary message' : 'a text';
      this.#refuse({ code: 'data', message: `the data of msg must be ${form} (dataType "${dataType}")` });
    }
  }

  /**
   * Calls a callback of the handler.
   *
   * @param use - gets the result, or {@link NO_CALLBACK}. Neither is called when the connection is over
   * @param fail - called when the callback has failed, which has been reported
   */
  #ask(name: string, event: object, use: (result: unknown) => void, fail: () => void): void {
    const { handler, subject } = this.#owner.peer;
    const call = (): unknown => (hasCallback(handler, name) ? callHandler(handler, name, subject, event) : NO_CALLBACK);
    callUser(this.#owner.host.scope, call, (outcome) => {
      if ('thrown' in outcome) {
        this.#owner.report(name, outcome.thrown);
        if (!this.#owner.hasEnded) fail();
      } else if (!this.#owner.hasEnded) use(outcome.value);
    });
  }

  #takeSub(wanted: WantedTopic, presence: SubscribeEvent['presence'], id: FrameId | undefined): void {
    const { topic, since } = wanted;
    const { subscribesPerSecond, subscribesAtOnce } = this.#owner.host.settings.limits;
    this.#subscribeRate ??= new RateLimit(subscribesPerSecond, monotonicMs(), subscribesAtOnce);
    const retryMs = this.#subscribeRate.takeOrWait(monotonicMs());
    if (retryMs > 0) {
      const message = `too many subscriptions: at most ${subscribesPerSecond} a second, and ${subscribesAtOnce} at once`;
      this.#refuse({ id, topic, code: 'rate', message, retryMs });
      return;
    }
    this.#lanes.add(topic, (done) => {
      if (!this.#hasRoomFor(topic)) {
        this.#refuse(this.#tooMany(topic, id));
        done();
        return;
      }
      if (topic === ME) {
        this.#subscribeToMe(since, done);
        return;
      }
      const known = this.#owner.find(topic);
      if (known !== undefined && known.grant === undefined) {
        // The program has subscribed the connection, so that nobody has to allow it.
        const plan = { topic, since, grant: undefined, presence: known.presence ?? NO_PRESENCE, isAsked: true };
        this.#owner.begin(plan, { onBegun: done, onFailed: done });
        return;
      }
      const event: SubscribeEvent = Object.freeze({
        type: 'subscribe',
        topic,
        since,
        presence: Object.freeze(presence),
      });
      const fail = (): void => {
        this.#refuse({ id, topic, code: 'failed', message: 'onSubscribe has failed' });
        done();
      };
      this.#ask('onSubscribe', event, (answer) => this.#decide(event, id, answer, fail, done), fail);
    });
  }

  /** The own topic of the user, which nobody has to allow. */
  #subscribeToMe(since: Since, done: () => void): void {
    if (this.#owner.user === undefined) {
      this.#deny(ME, 'denied', 'the connection has no user');
      done();
      return;
    }
    this.#owner.begin(
      { topic: ME, since, grant: OWN_GRANT, presence: NO_PRESENCE, isAsked: true },
      { onBegun: done, onFailed: done },
    );
  }

  #hasRoomFor(topic: string): boolean {
    return (
      this.#owner.subscriptionCount < this.#owner.host.settings.limits.topics || this.#owner.find(topic) !== undefined
    );
  }

  #tooMany(topic: string, id: FrameId | undefined): FrameProblem {
    const { topics } = this.#owner.host.settings.limits;
    return { id, topic, code: 'limit', message: `too many topics on this connection: at most ${topics}` };
  }

  /** @param done - called when the subscription has begun, or is refused: each `sub` has one answer */
  #decide(
    { topic, since, presence }: SubscribeEvent,
    id: FrameId | undefined,
    answer: unknown,
    fail: () => void,
    done: () => void,
  ): void {
    const decision = answer === NO_CALLBACK ? answer : readGrant(answer);
    if (decision instanceof Grant && (decision.history || isWithoutHistory(since)) && this.#hasRoomFor(topic)) {
      const granted = {
        show: presence.show && decision.presence.show,
        watch: presence.watch && decision.presence.watch,
        info: decision.info,
      };
      this.#owner.begin(
        { topic, since, grant: decision, presence: granted, isAsked: true },
        { onBegun: done, onFailed: done },
      );
      return;
    }
    if (decision === undefined) {
      const demand = 'it must return grant(), deny(), true, false, null or undefined';
      this.#owner.report('onSubscribe', new TypeError(demand));
      fail();
      return;
    }
    if (decision === NO_CALLBACK) this.#deny(topic, 'no-handler', 'the connection handler has no onSubscribe');
    else if (decision instanceof Denial) this.#deny(topic, 'denied', decision.message);
    else if (this.#hasRoomFor(topic)) {
      this.#deny(topic, 'denied', 'the history is not granted: since must be "now", or behind a message');
    } else this.#refuse(this.#tooMany(topic, id));
    done();
  }

  /** Refuses a subscription. One that the client has already is taken away. */
  #deny(topic: string, code: FrameCode, message: string): void {
    const known = this.#owner.find(topic);
    if (known === undefined) this.#owner.send(unsubbedFrame(topic, code, message));
    else this.#owner.endSubscription(known, 'server', code, message);
  }

  #takePub(frame: PublishFrame): void {
    const { topic, id, data, key, mid } = frame;
    const arrival = this.#refusals.arrive(mid);
    const inFront = this.#refusals.findFor(arrival);
    if (inFront !== undefined) {
      this.#refuse({ ...inFront, id });
      return;
    }
    const { publishesPerSecond, payloadBytes } = this.#owner.host.settings.limits;
    this.#publishRate ??= new RateLimit(publishesPerSecond, monotonicMs());
    const retryMs = this.#publishRate.takeOrWait(monotonicMs());
    if (retryMs > 0) {
      const message = `too many messages: at most ${publishesPerSecond} a second`;
      this.#refuseForNow(arrival, { id, code: 'rate', message, retryMs });
      return;
    }
    const given = readGiven(data, payloadBytes);
    if (typeof given === 'object' && 'problem' in given) {
      this.#refuse({ id, code: 'data', message: given.problem });
      return;
    }
    this.#lanes.add(topic, (done) => {
      const event: PublishEvent = Object.freeze({ type: 'publish', topic, data, ...(key !== undefined && { key }) });
      const fail = (): void => {
        this.#refuse({ id, code: 'failed', message: 'onPublish has failed' });
        done();
      };
      const decide = (answer: unknown): void => this.#decidePublish(frame, arrival, given, answer, fail, done);
      this.#ask('onPublish', event, decide, fail);
    });
  }

  /** @param done - called when the broker has been asked to store the message, or the message is refused */
  #decidePublish(
    frame: PublishFrame,
    arrival: Arrival,
    given: string | Buffer,
    answer: unknown,
    fail: () => void,
    done: () => void,
  ): void {
    const { id, topic } = frame;
    let data: string | Buffer | undefined;
    try {
      data = this.#toPublish(topic, given, answer);
    } catch (thrown) {
      this.#owner.report('onPublish', thrown);
      fail();
      return;
    }
    if (data !== undefined) void this.#publish(frame, arrival, data);
    else if (answer !== NO_CALLBACK) this.#refuse({ id, code: 'denied', message: 'denied' });
    else if (this.#owner.find(topic) !== undefined) {
      this.#refuse({ id, code: 'denied', message: 'publishing is not granted: grant({ publish: true })' });
    } else this.#refuse({ id, code: 'denied', message: 'not subscribed, and the connection handler has no onPublish' });
    done();
  }

  /** Returns what to publish; undefined for nothing. */
  #toPublish(topic: string, given: string | Buffer, answer: unknown): string | Buffer | undefined {
    if (answer === NO_CALLBACK) return this.#owner.find(topic)?.grant?.publish === true ? given : undefined;
    if (answer === true) return given;
    if (answer === false || answer === null || answer === undefined) return undefined;
    if (typeof answer !== 'object') throw new TypeError('it must return true, { data }, false, null or undefined');
    const { data } = answer as { readonly data?: unknown };
    if (data === undefined) return given;
    const wire = toData(data);
    checkSize(wire, this.#owner.host.settings.limits.payloadBytes);
    return wire;
  }

  async #publish(
    { topic, id, key, ttl, mid, isVolatile }: PublishFrame,
    arrival: Arrival,
    data: string | Buffer,
  ): Promise<void> {
    const publication: Publication = {
      data,
      key,
      isRemoved: key !== undefined && data === 'null',
      ttl,
      idempotencyKey: mid === undefined ? undefined : `${this.#scopeOfMids}${mid}`,
      isVolatile,
      from: this.#owner.user,
      series: mid === undefined ? undefined : this,
    };
    try {
      const published = await this.#owner.host.port.publish(topic, publication);
      if (!this.#owner.hasEnded) this.#owner.send(publishedFrame(id, published));
    } catch (error) {
      refuseOfBroker(this.#owner, id, error, (problem) => this.#refuseForNow(arrival, problem));
    }
  }

  /** In front of the mids of a client: those of one user, or of one session without a user, meet. */
  get #scopeOfMids(): string {
    const { user, session } = this.#owner;
    // The length comes first: a user named "a" must have no mid in common with one named "a:b".
    return user === undefined ? `s:${session}:` : `u${user.length}:${user}:`;
  }

  #takeRequest(id: FrameId, data: unknown): void {
    // Each request has a lane of its own: none waits for another one.
    this.#lanes.add({}, (done) => {
      const event: RequestEvent = Object.freeze({ type: 'request', data });
      const fail = (): void => {
        this.#refuse({ id, code: 'failed', message: 'onRequest has failed' });
        done();
      };
      this.#ask('onRequest', event, (result) => this.#answer(id, result, fail, done), fail);
    });
  }

  #answer(id: FrameId, result: unknown, fail: () => void, done: () => void): void {
    if (result === NO_CALLBACK) {
      this.#refuse({ id, code: 'no-handler', message: 'the connection handler has no onRequest' });
      done();
      return;
    }
    let data: string | Buffer;
    try {
      data = toData(result === undefined ? null : result);
    } catch (thrown) {
      this.#owner.report('onRequest', thrown);
      fail();
      return;
    }
    this.#owner.send(answerFrame(id, data));
    done();
  }
}
