import { Server } from 'node:http';
import { Server as SecureServer } from 'node:https';
import { Duplex } from 'node:stream';
import { FourDError, isFourDError, textOfThrown } from '../errors.ts';
import { readRequestPath } from '../handshake/path-pattern.ts';
import type { HandshakeHeaders, UpgradeRequest } from '../handshake/server-handshake.ts';
import { holdUpgrade, refuseHeld } from '../http/held-upgrade.ts';
import { refusalOfLostHeaders } from '../http/lost-headers.ts';
import { PendingAnswers, watchAnswers } from '../http/pending-answers.ts';
import { takeSocket } from '../http/taken-sockets.ts';
import { UnknownPaths } from '../http/unknown-paths.ts';
import type { UpgradableServer } from '../http/upgradable-server.ts';
import { refuseUpgrade } from '../http/upgrade-refusal.ts';
import { ignoreErrors } from '../transport/socket-transport.ts';
import type { ServerSettings } from './server-options.ts';
import type { ServerUpgrades } from './upgrade.ts';

/** What Node notes on the socket of an HTTP connection. */
interface HttpSocket extends Duplex {
  readonly server?: unknown;
  /** The answer that is being sent. */
  readonly _httpMessage?: unknown;
}

/** Takes the upgrade requests that the program has received itself, and gives them to the server. */
export class GivenUpgrades {
  readonly #settings: ServerSettings;
  readonly #upgrades: ServerUpgrades;
  readonly #unknownPaths = new UnknownPaths();
  /** The HTTP servers that requests came from. A program may make and close any number of them. */
  readonly #watched = new WeakSet<UpgradableServer>();
  /** Functions that end the watch over their answers. */
  readonly #unwatch: (() => void)[] = [];
  #isOver = false;

  constructor(settings: ServerSettings, upgrades: ServerUpgrades) {
    this.#settings = settings;
    this.#upgrades = upgrades;
  }

  /**
   * Takes an upgrade request.
   *
   * @throws FourDError `ERR_INVALID_ARGUMENT`
   */
  take(givenRequest: unknown, givenSocket: unknown, givenHead: unknown): void {
    const { request, socket, head, server } = readGiven(givenRequest, givenSocket, givenHead);
    if (!takeSocket(socket)) {
      throw invalid(
        'this socket has been taken already, by this call or by a server that is attached to the HTTP server',
      );
    }
    ignoreErrors(socket);
    // The client has gone while the program made up its mind.
    if (!socket.writable) return;
    // A server that has ended refuses: nobody would end its watch any more.
    if (server !== undefined && !this.#isOver) this.#watch(server);
    const proceed = (): void => this.#accept(request, socket, head, server);
    const giveUp = (): void => refuseHeld(request, socket, this.#upgrades);
    // The end of an answer that began before the watch cannot be seen.
    const isAnswering = PendingAnswers.of(socket) === undefined && hasAnswer(socket);
    if (isAnswering) giveUp();
    else holdUpgrade(socket, this.#upgrades.handshakeTimeoutMs, proceed, giveUp);
  }

  /** Ends the watch over the answers of HTTP servers, for ever. */
  end(): void {
    this.#isOver = true;
    for (const unwatch of this.#unwatch) unwatch();
  }

  #accept(request: UpgradeRequest, socket: Duplex, head: Buffer, server: UpgradableServer | undefined): void {
    const { path } = this.#settings;
    if (path !== undefined && path.match(readRequestPath(request.url ?? '/')) === undefined) {
      this.#unknownPaths.refuse(request, socket, [path]);
      return;
    }
    const lostHeaders = refusalOfLostHeaders(server ?? {}, request.rawHeaders);
    if (lostHeaders === undefined) this.#upgrades.accept(request, socket, head);
    else refuseUpgrade(request, socket, lostHeaders, this.#upgrades);
  }

  /** Notes the answers of a server from its next request on, so that no upgrade overtakes them. */
  #watch(server: UpgradableServer): void {
    if (this.#watched.has(server)) return;
    this.#watched.add(server);
    this.#unwatch.push(watchAnswers(server));
  }
}

function hasAnswer({ _httpMessage: answer }: HttpSocket): boolean {
  return answer !== undefined && answer !== null;
}

function serverOf({ server }: HttpSocket): UpgradableServer | undefined {
  return server instanceof Server || server instanceof SecureServer ? server : undefined;
}

interface Given {
  readonly request: UpgradeRequest;
  readonly socket: HttpSocket;
  readonly head: Buffer;
  /** The HTTP server that the request came from, undefined when that is not known. */
  readonly server: UpgradableServer | undefined;
}

/** Reads what the user passed, whose code may throw. */
function readGiven(givenRequest: unknown, givenSocket: unknown, givenHead: unknown): Given {
  try {
    const socket = readSocket(givenSocket);
    return { request: readRequest(givenRequest), socket, head: readHead(givenHead), server: serverOf(socket) };
  } catch (thrown) {
    throw isFourDError(thrown) ? thrown : invalid(`the arguments cannot be read: ${textOfThrown(thrown)}`);
  }
}

function readRequest(given: unknown): UpgradeRequest {
  const { method, url, httpVersion, headers, rawHeaders } = (given ?? {}) as Partial<UpgradeRequest>;
  const isRequest = typeof method === 'string' && typeof url === 'string' && typeof httpVersion === 'string';
  if (!isRequest || typeof headers !== 'object' || headers === null) {
    throw invalid("request must be the request of node:http that the event 'upgrade' gives");
  }
  if (httpVersion.startsWith('2') || httpVersion.startsWith('3')) {
    throw invalid('request must be one of HTTP/1.1: HTTP/2 and HTTP/3 have no upgrades');
  }
  const ownHeaders = copyHeaders(headers);
  const list = Array.isArray(rawHeaders) ? Array.from(rawHeaders as unknown[], readText) : [];
  // Another parser may leave the list empty: what is checked and shown is the list, so it must hold all headers.
  return {
    method,
    url: readText(url),
    httpVersion,
    headers: ownHeaders,
    rawHeaders: list.length > 0 ? list : flatten(ownHeaders),
  };
}

/** Copies headers once, because the object may be one of the user, whose code runs when it is read. */
function copyHeaders(headers: object): HandshakeHeaders {
  const copy = Object.create(null) as Record<string, string | string[]>;
  for (const [name, value] of Object.entries(headers) as [string, unknown][]) {
    if (value === undefined) continue;
    copy[readText(name)] = Array.isArray(value) ? Array.from(value as unknown[], readText) : readText(value);
  }
  return copy;
}

/** Checks what another parser may have left: a line end would begin another header where the request is kept as text. */
function readText(value: unknown): string {
  if (typeof value === 'string' && !/[\0\r\n]/.test(value)) return value;
  throw invalid('the url and the headers of request must be strings without line ends');
}

/** Lists headers as Node does, for a request that another parser has read. */
function flatten(headers: HandshakeHeaders): string[] {
  return Object.entries(headers).flatMap(([name, values = []]) => [values].flat().flatMap((value) => [name, value]));
}

function readSocket(given: unknown): HttpSocket {
  if (given instanceof Duplex) return given;
  throw invalid("socket must be the stream that the event 'upgrade' gives");
}

function readHead(given: unknown): Buffer {
  if (Buffer.isBuffer(given)) return given;
  if (given instanceof Uint8Array) return Buffer.from(given.buffer, given.byteOffset, given.byteLength);
  throw invalid("head must be the bytes that the event 'upgrade' gives, Buffer.alloc(0) for none");
}

function invalid(problem: string): FourDError {
  return new FourDError('ERR_INVALID_ARGUMENT', `cannot handle the upgrade: ${problem}`, {
    componentSignature: 'HTTP',
  });
}
