import type { Socket } from 'node:net';

/** One way in which a connection, or an attempt to connect, can live. It begins anew for each cut. */
export interface Life {
  readonly name: string;
  /** Names of the ways to cut it. */
  readonly cuts: readonly string[];
  /** Moments at which it is cut. At the last ones it has usually ended by itself, or waits for something. */
  readonly moments: number;
  /** Waits for a moment, from 0. */
  waitFor(moment: number): Promise<void>;
  /** @param cut - the way in which this life is going to be cut */
  begin(cut: string): BegunLife | Promise<BegunLife>;
}

/** A life that has begun. */
export interface BegunLife {
  cut(): void;
  /** Ends what the cut has left. Resolves when both ends are closed. */
  end(): Promise<void>;
}

/** Lives that need the same servers. */
export interface World {
  /** Lives by the name of their group. */
  readonly lives: Readonly<Record<string, readonly Life[]>>;
  /** Counts what the library still has of lives that have ended, by the name of what is counted. */
  countLeft(): Readonly<Record<string, number>>;
  stop(): Promise<void>;
}

/** Lets the event loop turn. */
export async function turn(count = 1): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
}

/** Writes one piece in each turn, as long as the socket takes them. */
export async function drip(socket: Socket, pieces: readonly (Buffer | string)[]): Promise<void> {
  for (const piece of pieces) {
    if (!socket.writable) return;
    socket.write(piece);
    await turn();
  }
}

/** Cuts bytes into `count` pieces of about the same size. */
export function split(bytes: Buffer | string, count: number): Buffer[] {
  const whole = Buffer.from(bytes);
  const size = Math.ceil(whole.length / count);
  return Array.from({ length: count }, (_, i) => whole.subarray(i * size, (i + 1) * size));
}

/** Destroys the socket of a peer. Resolves when it is closed. */
export async function closeSocket(socket: Socket): Promise<void> {
  if (socket.closed) return;
  await new Promise<void>((resolve) => {
    socket.once('close', () => resolve());
    socket.destroy();
  });
}
