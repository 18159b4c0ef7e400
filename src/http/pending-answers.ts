import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { ServerResponse } from 'node:http';
import type { Server } from 'node:net';
import type { Duplex } from 'node:stream';

/** Node tells here of every request, whichever listener answers it, and also of those that Node answers itself. */
const REQUEST_CHANNEL = 'http.server.request.start';

/** Called when a request has come, whose answer is the last one of `pending`. */
type RequestListener = (socket: Duplex, pending: PendingAnswers) => void;

interface Watcher {
  readonly onRequest: RequestListener;
}

interface RequestStart {
  readonly server: Server;
  readonly socket: Duplex;
  readonly response: ServerResponse;
}

/** Weak, so that an HTTP server that a program has closed is not kept by a watch that nobody has ended. */
const watchersByServer = new WeakMap<Server, Set<Watcher>>();
let watcherCount = 0;
const pendingBySocket = new WeakMap<Duplex, PendingAnswers>();

/**
 * The answers to the plain HTTP requests of one connection that are not over, in the order of the requests.
 *
 * @remarks HTTP lets a client send requests without waiting for the answers (pipelining). Node tells of all requests at
 * once, and keeps what is written to an answer until the answers before it have left.
 */
export class PendingAnswers {
  readonly #socket: Duplex;
  /** Each answer with the listener that waits for its turn. The first answer is the one that is being sent. */
  readonly #answers = new Map<ServerResponse, (() => void) | undefined>();
  #onAllOver: (() => void) | undefined;
  readonly #onDrain = (): void => {
    const [first] = this.#answers.keys();
    if (first?.writableNeedDrain === true) first.emit('drain');
  };

  /** Returns the answers of a connection; undefined when its server is not watched, or when no request has come. */
  static of(socket: Duplex): PendingAnswers | undefined {
    return pendingBySocket.get(socket);
  }

  constructor(socket: Duplex) {
    this.#socket = socket;
  }

  /** The number of answers that are not over: the one that is being sent, and those that wait behind it. */
  get count(): number {
    return this.#answers.size;
  }

  add(response: ServerResponse): void {
    this.#answers.set(response, undefined);
    response.once('close', () => this.#onOver(response));
  }

  /**
   * Calls `listener` when all answers before this one are over; at once when they are. The listener is not called when
   * the connection takes no answers any more.
   */
  onceFirst(response: ServerResponse, listener: () => void): void {
    if (!this.#socket.writable) return;
    const [first] = this.#answers.keys();
    if (first === response || !this.#answers.has(response)) listener();
    else this.#answers.set(response, listener);
  }

  /**
   * Calls `listener` when all answers are over, or the connection is. At least one answer must be pending, and the
   * connection must have been upgraded, so that no further request can come.
   */
  onceAllOver(listener: () => void): void {
    this.#onAllOver = listener;
    // Node stops listening to the socket of an upgrade, so it no longer tells a blocked answer that it may go on.
    this.#socket.on('drain', this.#onDrain);
  }

  #onOver(response: ServerResponse): void {
    this.#answers.delete(response);
    // The server may end a connection with an answer: then nobody gets a turn any more.
    if (!this.#socket.writable) this.#answers.clear();
    const [next] = this.#answers;
    if (next === undefined) this.#finish();
    else next[1]?.();
  }

  #finish(): void {
    this.#socket.off('drain', this.#onDrain);
    // The listener may make the connection go on, and wait again.
    const listener = this.#onAllOver;
    this.#onAllOver = undefined;
    listener?.();
  }
}

/**
 * Keeps the pending answers of a server's connections, from the next request on.
 *
 * @returns a function that ends it
 */
export function watchAnswers(server: Server, onRequest: RequestListener = () => {}): () => void {
  const watcher = { onRequest };
  const watchers = watchersByServer.get(server) ?? new Set();
  if (watcherCount === 0) subscribe(REQUEST_CHANNEL, onRequestStart);
  watcherCount++;
  watchersByServer.set(server, watchers.add(watcher));
  return () => endWatch(watchers, watcher);
}

function endWatch(watchers: Set<Watcher>, watcher: Watcher): void {
  if (!watchers.delete(watcher)) return;
  watcherCount--;
  if (watcherCount === 0) unsubscribe(REQUEST_CHANNEL, onRequestStart);
}

function onRequestStart(message: unknown): void {
  const { server, socket, response } = message as RequestStart;
  const watchers = watchersByServer.get(server);
  if (watchers === undefined || watchers.size === 0) return;
  let pending = pendingBySocket.get(socket);
  if (pending === undefined) {
    pending = new PendingAnswers(socket);
    pendingBySocket.set(socket, pending);
  }
  pending.add(response);
  for (const watcher of watchers) watcher.onRequest(socket, pending);
}
