import { connect, createServer, type Socket } from 'node:net';
import type { Role } from '../../src/protocol/constants.ts';
import { createDeferred } from '../helpers/deferred.ts';
import { lengthOfFrame, readFrames, type SeenFrame } from '../helpers/frames.ts';
import { Inbox } from '../helpers/inbox.ts';
import { listen } from '../helpers/transport-pairs.ts';

/** What one side of a connection has sent. */
export class TappedSide {
  /** The frames behind the opening handshake, unmasked. */
  readonly frames = new Inbox<SeenFrame>();
  readonly #sender: Role;
  readonly #head = createDeferred<string>();
  #received = Buffer.alloc(0);
  #hasHead = false;

  constructor(sender: Role) {
    this.#sender = sender;
  }

  /** Resolves to the request or answer: its first line and its header lines. */
  get head(): Promise<string> {
    return this.#head.promise;
  }

  /** Resolves to the next frame, from the frame with this number on, for which `isWanted` is true. */
  async frameWhere(isWanted: (frame: SeenFrame) => boolean, from = 0): Promise<SeenFrame> {
    for (let count = from + 1; ; count++) {
      const seen = (await this.frames.atLeast(count))[count - 1]!;
      if (isWanted(seen)) return seen;
    }
  }

  receive(chunk: Buffer): void {
    this.#received = Buffer.concat([this.#received, chunk]);
    if (!this.#hasHead) this.#readHead();
    if (this.#hasHead) this.#readFrames();
  }

  #readHead(): void {
    const end = this.#received.indexOf('\r\n\r\n');
    if (end < 0) return;
    this.#hasHead = true;
    this.#head.resolve(this.#received.toString('latin1', 0, end));
    this.#received = this.#received.subarray(end + 4);
  }

  #readFrames(): void {
    for (;;) {
      const bytes = lengthOfFrame(this.#received);
      if (bytes === undefined || bytes > this.#received.length) return;
      const [seen] = readFrames(this.#received.subarray(0, bytes), this.#sender);
      this.frames.push(seen!);
      this.#received = this.#received.subarray(bytes);
    }
  }
}

/** One connection through a {@link WireTap}. */
export interface TappedConnection {
  readonly client: TappedSide;
  readonly server: TappedSide;
}

/** Stands between the two sides of WebSocket connections, and records what they send. */
export class WireTap {
  readonly port: number;
  readonly connections: Inbox<TappedConnection>;

  private constructor(port: number, connections: Inbox<TappedConnection>) {
    this.port = port;
    this.connections = connections;
  }

  /** Listens on a free port of 127.0.0.1, and connects each client to `targetPort`. The tap ends with the test. */
  static async start(targetPort: number): Promise<WireTap> {
    const connections = new Inbox<TappedConnection>();
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
      const tapped = { client: new TappedSide('client'), server: new TappedSide('server') };
      const onward = connect({ host: '127.0.0.1', port: targetPort, allowHalfOpen: true, noDelay: true });
      relay(client, onward, tapped.client);
      relay(onward, client, tapped.server);
      connections.push(tapped);
    });
    return new WireTap(await listen(server), connections);
  }
}

function relay(from: Socket, to: Socket, side: TappedSide): void {
  from.on('data', (chunk) => {
    to.write(chunk);
    side.receive(chunk);
  });
  from.on('end', () => to.end());
  from.on('error', () => {});
  // A side that ended in order has been told to the other one above.
  from.on('close', () => {
    if (!from.readableEnded) to.destroy();
  });
}
