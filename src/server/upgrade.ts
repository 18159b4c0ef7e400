import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { follow } from '../base/promises.ts';
import { type Deadline, timers } from '../base/timers.ts';
import { CompressionFactory } from '../connection/zlib.ts';
import { callbackFailed, FourDError, isFourDError } from '../errors.ts';
import { toPlainAddress } from '../handshake/authority.ts';
import { acceptOffer } from '../handshake/permessage-deflate.ts';
import {
  buildUpgradeResponse,
  checkUpgradeRequest,
  chooseProtocol,
  type UpgradeRequest,
} from '../handshake/server-handshake.ts';
import { refuseUpgrade, type UpgradeRefusal } from '../http/upgrade-refusal.ts';
import type { UpgradeAcceptor } from '../http/upgrade-router.ts';
import { callHandler, hasCallback } from '../session/call-handler.ts';
import { warnOfCallbacks } from '../session/callback-warnings.ts';
import { FOREIGN_OPTIONS } from '../session/foreign-names.ts';
import { refusalOfForbiddenHost } from '../session/host-rule.ts';
import { type HandlerRole, invalidHandler } from '../session/handler-check.ts';
import type { OpenTransport } from '../session/open-connection.ts';
import { SESSION_PREFIX, TOPICS_PROTOCOL } from '../topics/frames.ts';
import { SocketTransport } from '../transport/socket-transport.ts';
import type { CallScope } from '../workers/call-scope.ts';
import { isThenable } from '../workers/worker.ts';
import { ACCEPT_KEYS, type Acceptance, acceptanceOf, isAnswer, Refusal } from './admission.ts';
import { closeAtOnce } from './close-at-once.ts';
import { ConnectionCounts } from './connection-counts.ts';
import {
  NO_COMMON_PROTOCOL,
  NO_HANDLER,
  refusalOfHandshake,
  refusalOfSlowDecision,
  refusalOfUser,
  SHUTTING_DOWN,
  UNCLEAR_CLIENT,
  USER_CODE_FAILED,
} from './refusals.ts';
import { type ConnectionEvent, StoredRequest, toRequestInfo } from './request-info.ts';
import type { ServerSettings } from './server-options.ts';
import type { ServerState } from './server-state.ts';
import type { Identity } from './topic-seam.ts';
import type { UpgradeFacts } from './upgrade-facts.ts';

const HANDLER_ROLE: HandlerRole = {
  kind: 'connection',
  name: 'connection handler',
  demand: 'onConnection must return an object with a method onMessage, or null',
  optionKeys: new Set([...ACCEPT_KEYS, ...Object.keys(FOREIGN_OPTIONS.accept)]),
  foreign: FOREIGN_OPTIONS.accept,
  advice: "options go into accept(handler, { protocol: 'chat' })",
};

/** For a handler without onMessage, which servers with topics take. */
const TOPICS_ROLE: HandlerRole = {
  ...HANDLER_ROLE,
  demand: `${HANDLER_ROLE.demand}; with onSubscribe alone, the server needs the option topics: true`,
};

/** An accepted upgrade that the server is to open: the 101 answer is not written yet. */
export interface AcceptedUpgrade extends OpenTransport {
  readonly handler: object;
  readonly protocol: string;
  readonly request: StoredRequest;
  readonly data: unknown;
  readonly identity: Identity | undefined;
  /** The subprotocols that the client offered. */
  readonly offered: readonly string[];
  /** The network that the connection counts for: {@link ConnectionCounts.networkOf}. */
  readonly network: string;
}

/** The server that the upgrades belong to. */
export interface UpgradeServer {
  /** First parameter of the server's callbacks. */
  readonly subject: object;
  readonly handler: object;
  /** Where the callbacks of the server and its connections run. */
  readonly scope: CallScope;
  /** `opening`: clients wait for the server's onOpen. `open`: clients are admitted. Otherwise they are refused. */
  readonly state: ServerState;
  /** Connections whose socket is open. */
  readonly connectionCount: number;
  openConnection(upgrade: AcceptedUpgrade): void;
  /** Called when user code fails to decide about a client. */
  onUpgradeFailed(error: FourDError): void;
  /** Called when a client is refused, after the answer was written. */
  onRefused(refusal: UpgradeRefusal, request: UpgradeRequest, remoteAddress: string): void;
}

/**
 * Handles the upgrade requests of one server, in four steps: check the request, ask `onConnection`, answer, open.
 *
 * @remarks The server writes nothing before `onConnection` has decided, and reads nothing before the onOpen of the
 * connection has finished. `handshakeTimeoutMs` bounds the whole wait.
 */
export class ServerUpgrades implements UpgradeAcceptor {
  readonly counts: ConnectionCounts;
  readonly #server: UpgradeServer;
  readonly #settings: ServerSettings;
  readonly #compression: CompressionFactory | undefined;
  /** Valid requests that have no answer yet. */
  readonly #pending = new Set<PendingUpgrade>();

  constructor(server: UpgradeServer, settings: ServerSettings) {
    const { compression } = settings.limits;
    this.counts = new ConnectionCounts(settings.limits);
    this.#server = server;
    this.#settings = settings;
    this.#compression = compression && new CompressionFactory('server', compression);
  }

  get handshakeTimeoutMs(): number {
    return this.#settings.limits.handshakeTimeoutMs;
  }

  // Step 1: check the request.

  accept(request: UpgradeRequest, socket: Duplex, head: Buffer): void {
    const checked = this.#check(request, socket, head);
    if ('cause' in checked) {
      refuseUpgrade(request, socket, checked, this);
      return;
    }
    const upgrade = new PendingUpgrade(this, checked);
    this.counts.add(checked.network);
    this.#pending.add(upgrade);
    if (this.#server.state === 'open') this.#decide(upgrade);
    else this.#wait(upgrade);
  }

  #check(request: UpgradeRequest, socket: Duplex, head: Buffer): UpgradeFacts | UpgradeRefusal {
    const { proxies, hosts } = this.#settings;
    const { state, connectionCount } = this.#server;
    if (state !== 'opening' && state !== 'open') return SHUTTING_DOWN;
    const client = proxies.clientOf(request, socket);
    if (client === undefined) return UNCLEAR_CLIENT;
    const network = this.counts.networkOf(client.address);
    const refusal = this.counts.refusalOf(network, connectionCount, this.#pending.size);
    if (refusal !== undefined) return refusal;
    const handshake = checkUpgradeRequest(request);
    if (!handshake.isValid) return refusalOfHandshake(handshake);
    if (!hosts.allows(client.host)) return refusalOfForbiddenHost(client.host);
    const protocol = this.#chooseProtocol(handshake.protocols);
    return protocol === undefined
      ? NO_COMMON_PROTOCOL
      : { request, socket, head, handshake, protocol, client, network };
  }

  /** The protocol of topics stands in front of all others, and nobody must offer it. */
  #chooseProtocol(offered: readonly string[]): string | undefined {
    const { topics, limits } = this.#settings;
    return topics !== undefined && offered.includes(TOPICS_PROTOCOL)
      ? TOPICS_PROTOCOL
      : chooseProtocol(limits.protocols, offered);
  }

  /** Clients that wait for an answer. */
  get pendingCount(): number {
    return this.#pending.size;
  }

  /** Tells the server of a refusal, whoever has refused. */
  onRefused(refusal: UpgradeRefusal, request: UpgradeRequest, socket: Duplex): void {
    const { remoteAddress } = socket as Partial<Socket>;
    const client = this.#settings.proxies.clientOf(request, socket);
    this.#server.onRefused(refusal, request, client?.address ?? toPlainAddress(remoteAddress));
  }

  // Step 2: ask onConnection, in the scope of the server.

  /** Asks about the clients that waited for the onOpen of the server. */
  decideAll(): void {
    for (const upgrade of this.#pending) this.#decide(upgrade);
  }

  #decide(upgrade: PendingUpgrade): void {
    const { scope } = this.#server;
    const ask = (): PromiseLike<void> | undefined => scope.run(() => this.#ask(upgrade));
    if (scope.worker.isMain) {
      ask();
    } else {
      this.#wait(upgrade);
      scope.worker.runTask(ask);
    }
  }

  /** Checks the origin, then calls `onConnection`. Returns undefined, or a promise that never rejects. */
  #ask(upgrade: PendingUpgrade): PromiseLike<void> | undefined {
    if (upgrade.isSettled) return undefined;
    try {
      const { client } = upgrade.facts;
      const request = toRequestInfo(upgrade.facts.request, client.address, this.#settings.path);
      const event: ConnectionEvent = Object.freeze({ type: 'connection', request });
      const { handler, subject } = this.#server;
      const refusal = this.#settings.origins.check(request, client);
      if (refusal !== undefined) {
        upgrade.refuse(refusal);
        return undefined;
      }
      const answer = callHandler(handler, 'onConnection', subject, event);
      if (isThenable(answer)) {
        this.#wait(upgrade);
        return this.#answerLater(upgrade, answer);
      }
      this.#answer(upgrade, answer);
    } catch (thrown) {
      this.#fail(upgrade, thrown);
    }
    return undefined;
  }

  async #answerLater(upgrade: PendingUpgrade, answer: PromiseLike<unknown>): Promise<void> {
    try {
      this.#answer(upgrade, await follow(answer));
    } catch (thrown) {
      this.#fail(upgrade, thrown);
    }
  }

  #wait(upgrade: PendingUpgrade): void {
    upgrade.wait(this.handshakeTimeoutMs);
  }

  // Step 3: answer.

  #answer(upgrade: PendingUpgrade, answer: unknown): void {
    if (upgrade.isSettled) return;
    if (answer === null || answer === undefined) upgrade.refuse(NO_HANDLER);
    else if (typeof answer !== 'object' || !isAnswer(answer)) this.#accept(upgrade, acceptanceOf(answer));
    else if (answer instanceof Refusal) this.#refuse(upgrade, answer);
    else this.#accept(upgrade, answer);
  }

  #refuse(upgrade: PendingUpgrade, answer: Refusal): void {
    const { close } = answer;
    // Every browser sends Origin with a WebSocket handshake (Fetch standard, section 3.2), and hardly any program does.
    const isPage = upgrade.facts.request.headers.origin !== undefined;
    const write = close && isPage ? () => closeAtOnce(upgrade.facts, close, this.#settings) : undefined;
    upgrade.refuse(refusalOfUser(answer), write);
  }

  /**
   * Refuses the client and reports the error, even if the client has gone: no mistake in user code passes in silence.
   */
  #fail(upgrade: PendingUpgrade, thrown: unknown): void {
    upgrade.refuse(USER_CODE_FAILED);
    this.#server.onUpgradeFailed(isFourDError(thrown) ? thrown : callbackFailed('onConnection', thrown));
  }

  #accept(upgrade: PendingUpgrade, answer: Acceptance): void {
    const { handler, protocol } = answer;
    const { topics } = this.#settings;
    if (typeof handler !== 'object' || handler === null || !(topics || hasCallback(handler, 'onMessage'))) {
      const isForTopics = typeof handler === 'object' && handler !== null && hasCallback(handler, 'onSubscribe');
      this.#fail(upgrade, invalidHandler(isForTopics ? TOPICS_ROLE : HANDLER_ROLE, handler, 'HTTP'));
    } else if (topics !== undefined && protocol?.startsWith(SESSION_PREFIX) === true) {
      const message = `invalid protocol: "${SESSION_PREFIX}" marks the secret of a session, which no answer may repeat`;
      this.#fail(upgrade, new FourDError('ERR_INVALID_OPTION', message, { componentSignature: 'HTTP' }));
    } else if (protocol !== undefined && protocol !== '' && !upgrade.facts.handshake.protocols.includes(protocol)) {
      // A client must fail the connection if it did not offer the subprotocol (RFC 6455 section 4.1).
      const message = 'invalid protocol: accept() takes only a subprotocol that the client offered';
      this.#fail(upgrade, new FourDError('ERR_INVALID_OPTION', message, { componentSignature: 'HTTP' }));
    } else {
      if (this.#settings.limits.warnings) warnOfCallbacks(handler, 'connection');
      upgrade.settle();
      this.#open(upgrade.facts, handler, answer);
    }
  }

  /** Refuses all clients that wait for an answer. */
  refuseAll(refusal: UpgradeRefusal): void {
    for (const upgrade of this.#pending) upgrade.refuse(refusal);
  }

  /** Called when the upgrade is answered, or its client has gone. */
  onSettled(upgrade: PendingUpgrade): void {
    this.#pending.delete(upgrade);
    this.counts.remove(upgrade.facts.network);
  }

  // Step 4: open.

  #open(facts: UpgradeFacts, handler: object, accepted: Acceptance): void {
    const { socket, head, handshake, request, client, network } = facts;
    const { data, headerLines, identity } = accepted;
    const protocol = accepted.protocol ?? facts.protocol;
    const wanted = this.#settings.limits.compression;
    const agreed = wanted && acceptOffer(handshake.extensions, wanted);
    this.#server.openConnection({
      transport: new SocketTransport(socket),
      head,
      answer: buildUpgradeResponse(handshake.key, protocol, agreed?.answer ?? '', headerLines),
      compression: agreed && this.#compression?.create(agreed.parameters, !agreed.clientOfferedNoContext),
      handler,
      protocol,
      request: new StoredRequest(request, client.address, this.#settings.path),
      data,
      identity,
      offered: handshake.protocols,
      network,
    });
  }
}

/** A valid upgrade request that waits for its answer, with one deadline for it. */
class PendingUpgrade implements Deadline {
  readonly facts: UpgradeFacts;
  readonly #upgrades: ServerUpgrades;
  readonly #onClose = (): void => void this.settle();
  #state: 'new' | 'waiting' | 'settled' = 'new';
  #ticket: number | undefined;

  constructor(upgrades: ServerUpgrades, facts: UpgradeFacts) {
    this.#upgrades = upgrades;
    this.facts = facts;
  }

  get isSettled(): boolean {
    return this.#state === 'settled';
  }

  /** Starts the deadline, and listens for the client's end, because the decision takes time. */
  wait(timeoutMs: number): void {
    if (this.#state !== 'new') return;
    this.#state = 'waiting';
    this.facts.socket.on('close', this.#onClose);
    if (timeoutMs !== Infinity) this.#ticket = timers.schedule(this, timeoutMs);
  }

  onDeadline(): void {
    this.refuse(refusalOfSlowDecision(this.#upgrades.handshakeTimeoutMs));
  }

  /**
   * Refuses the client. Does nothing when the upgrade is settled.
   *
   * @param write - answers in another way than with plain HTTP
   */
  refuse(refusal: UpgradeRefusal, write?: () => void): void {
    const { request, socket } = this.facts;
    if (this.settle()) refuseUpgrade(request, socket, refusal, this.#upgrades, write);
  }

  /** Ends the wait: removes the deadline and the listener. Returns false when the upgrade was settled already. */
  settle(): boolean {
    if (this.#state === 'settled') return false;
    if (this.#ticket !== undefined) timers.cancel(this, this.#ticket);
    if (this.#state === 'waiting') this.facts.socket.off('close', this.#onClose);
    this.#state = 'settled';
    this.#upgrades.onSettled(this);
    return true;
  }
}
