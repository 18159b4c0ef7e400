import { MemorySocket as KitSocket } from '../../src/testing/memory-socket.ts';
import { type Faults, noFaults } from '../../src/testing/pipe.ts';

const ADDRESSES = { localAddress: '127.0.0.1', localPort: 1, remoteAddress: '127.0.0.1', remotePort: 2 };

/** One end of a connection in memory that is blocked by every write, stands still, or cuts the sent bytes into pieces. */
export class MemorySocket extends KitSocket {
  readonly #faults: Faults;

  /** @param sizes - sizes of the pieces in which written bytes arrive, in rotation */
  static pair(sizes: readonly number[]): [MemorySocket, MemorySocket] {
    const [left, right] = [new MemorySocket(sizes), new MemorySocket(sizes)];
    KitSocket.join(left, right, left.#faults, right.#faults);
    return [left, right];
  }

  private constructor(sizes: readonly number[]) {
    super(ADDRESSES, false);
    this.#faults = { ...noFaults(), pieceBytes: sizes, capacityBytes: 1 };
  }

  /** True to keep written bytes from the peer. */
  set isStalled(isStalled: boolean) {
    this.#faults.isStalled = isStalled;
    this.outgoing?.pump();
  }
}
