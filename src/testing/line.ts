import type { Server } from 'node:http';
import { setImmediate } from '../base/clock.ts';
import { activity } from './activity.ts';
import { checkAmount, invalidArgument } from './arguments.ts';
import { connectionError, MemorySocket } from './memory-socket.ts';
import { type Faults, noFaults } from './pipe.ts';

/** Which bytes a fault holds for. */
export type Direction = 'toServer' | 'toClient' | 'both';

const DIRECTIONS: ReadonlySet<unknown> = new Set<Direction>(['toServer', 'toClient', 'both']);

let lastPort = 40_000;

/**
 * The line between a client and its server, in memory. Its faults hold from the call on, for bytes that are written
 * later, and for further connections of the same client; {@link stall} and {@link slow} hold for bytes on their way too.
 * A line that several clients share, as that of `serveInMemory`, does to all of their connections what is said here.
 */
export interface Line {
  /** The connections that were made so far, those that failed included. */
  readonly attempts: number;
  /** Breaks the connection: both ends see a reset. A client with `reconnect` connects again. */
  cut(): void;
  /** Breaks the connection, and refuses each further one, as when the server's machine is off, until {@link up}. */
  down(): void;
  /** Takes connections again, after {@link down}. */
  up(): void;
  /** Keeps bytes from arriving, without a loss, until {@link resume}. The sender is blocked behind {@link capacity}. */
  stall(direction?: Direction): void;
  /** Lets bytes arrive again, after {@link stall}. */
  resume(direction?: Direction): void;
  /** How long bytes are on their way, by the clock of the library. 0, the default, is the next turn. */
  latency(milliseconds: number, direction?: Direction): void;
  /**
   * Lets bytes arrive in pieces of this size, 1 for every byte alone, or of several sizes in rotation. Infinity, the
   * default: as they were written.
   */
  split(bytes: number | readonly number[], direction?: Direction): void;
  /**
   * Lets the system take so many bytes before the sender is blocked. Default 65 536; 1 lets every write wait until it has
   * arrived. The socket of Node holds 16 KiB before that, as over TCP.
   */
  capacity(bytes: number, direction?: Direction): void;
  /** Lets at most so many bytes arrive in a second, as of a slow reader, by the clock of the library. Default Infinity. */
  slow(bytesPerSecond: number, direction?: Direction): void;
  /** Loses each close frame that is sent from now on: the other side never hears of the closing handshake. */
  loseCloseFrames(direction?: Direction): void;
  /** Sends bytes that nobody has written to the server, behind what is on its way, such as a frame that breaks the protocol. */
  inject(bytes: Uint8Array): void;
}

/** Both ends of a connection. */
interface Ends {
  readonly client: MemorySocket;
  readonly server: MemorySocket;
}

/** Implements {@link Line} for the connections of one client, or of all that have no line of their own. */
export class MemoryLine implements Line {
  attempts = 0;
  readonly #toServer = noFaults();
  readonly #toClient = noFaults();
  readonly #remoteAddress: string;
  #isDown = false;
  /** Connections with an end that is not closed. */
  readonly #open = new Set<Ends>();
  #newest: Ends | undefined;

  /** @param remoteAddress - the address that the server sees */
  constructor(remoteAddress: string) {
    this.#remoteAddress = remoteAddress;
  }

  /**
   * Begins a connection to a server that is not listening.
   *
   * @param server - undefined when nobody listens there
   * @param where - host and port, for errors
   */
  connect(server: Server | undefined, port: number, isSecure: boolean, where: string): MemorySocket {
    this.attempts++;
    const address = this.#remoteAddress;
    const clientPort = ++lastPort;
    const ofClient = { localAddress: address, localPort: clientPort, remoteAddress: '127.0.0.1', remotePort: port };
    const ofServer = { localAddress: '127.0.0.1', localPort: port, remoteAddress: address, remotePort: clientPort };
    const client = new MemorySocket(ofClient, isSecure);
    const peer = new MemorySocket(ofServer, isSecure);
    const ends = { client, server: peer };
    this.#newest = ends;
    this.#open.add(ends);
    // What one end has sent before it was closed still arrives at the other.
    const forget = (): void => {
      if (client.destroyed && peer.destroyed) this.#open.delete(ends);
    };
    client.once('close', forget);
    peer.once('close', forget);
    setImmediate(() => {
      activity.moves++;
      if (client.destroyed) {
        peer.destroy();
        return;
      }
      client.emit('lookup', null, '127.0.0.1', 4, where);
      if (this.#isDown || server === undefined) {
        peer.destroy();
        client.destroy(connectionError('connect', 'ECONNREFUSED', where));
        return;
      }
      MemorySocket.join(client, peer, this.#toServer, this.#toClient);
      server.emit('connection', peer);
      client.emit('connect');
      if (isSecure) client.emit('secureConnect');
    });
    return client;
  }

  /** The head of the newest handshake request. */
  get requestHead(): string {
    return this.#newest?.client.outgoing?.watch.head ?? '';
  }

  cut(): void {
    for (const { client } of this.#open) client.destroy(connectionError('read', 'ECONNRESET'));
  }

  down(): void {
    this.#isDown = true;
    this.cut();
  }

  up(): void {
    this.#isDown = false;
  }

  stall(direction: Direction = 'both'): void {
    for (const faults of this.#of('stall', direction)) faults.isStalled = true;
  }

  resume(direction: Direction = 'both'): void {
    for (const faults of this.#of('resume', direction)) faults.isStalled = false;
    this.#pump();
  }

  latency(milliseconds: number, direction: Direction = 'both'): void {
    const latencyMs = checkFinite('latency', milliseconds);
    for (const faults of this.#of('latency', direction)) faults.latencyMs = latencyMs;
  }

  split(bytes: number | readonly number[], direction: Direction = 'both'): void {
    const pieceBytes = [bytes].flat().map((size) => checkAmount('split', size, 1));
    if (pieceBytes.length === 0) throw invalidArgument('split', 'it takes a size, or an array of some');
    for (const faults of this.#of('split', direction)) faults.pieceBytes = pieceBytes;
  }

  capacity(bytes: number, direction: Direction = 'both'): void {
    const capacityBytes = checkAmount('capacity', bytes, 1);
    for (const faults of this.#of('capacity', direction)) faults.capacityBytes = capacityBytes;
  }

  slow(bytesPerSecond: number, direction: Direction = 'both'): void {
    const rate = checkAmount('slow', bytesPerSecond, 1);
    for (const faults of this.#of('slow', direction)) faults.bytesPerSecond = rate;
    this.#pump();
  }

  loseCloseFrames(direction: Direction = 'both'): void {
    for (const faults of this.#of('loseCloseFrames', direction)) faults.losesCloseFrames = true;
  }

  inject(bytes: Uint8Array): void {
    if (!(bytes instanceof Uint8Array)) throw invalidArgument('inject', 'it takes bytes: a Uint8Array or Buffer');
    for (const { client } of this.#open) client.outgoing?.inject(bytes);
  }

  #pump(): void {
    for (const { client, server } of this.#open) {
      client.outgoing?.pump();
      server.outgoing?.pump();
    }
  }

  #of(name: string, direction: Direction): Faults[] {
    if (!DIRECTIONS.has(direction)) throw invalidArgument(name, "the direction is 'toServer', 'toClient' or 'both'");
    if (direction === 'both') return [this.#toServer, this.#toClient];
    return [direction === 'toServer' ? this.#toServer : this.#toClient];
  }
}

function checkFinite(name: string, value: number): number {
  const amount = checkAmount(name, value, 0);
  if (amount === Infinity) throw invalidArgument(name, 'bytes that never arrive are stall(): pass a number');
  return amount;
}
