import { connect, type Socket } from 'node:net';
import type { MessageShape } from '../messages.ts';
import { type Place, readCompressed, readKnown, runsOf } from './answers.ts';
import { buildFrames, COMPRESSION_OFFER, isUpgradeAnswer, upgradeRequest } from './frames.ts';
import { type Link, type Load, NO_MESSAGES } from './load.ts';

const READ_BUFFER = Buffer.allocUnsafeSlow(1_048_576);
const CONNECTIONS_PER_ADDRESS = 2000;

export interface OpenPlan {
  readonly port: number;
  readonly shape: MessageShape;
  readonly connections: number;
  readonly burst: number;
  readonly sendsToAll?: boolean;
  readonly checksAnswers?: boolean;
  /** Whether clients use many addresses, because each has too few ports for many connections. */
  readonly usesAddresses?: boolean;
}

interface RawTarget {
  readonly port: number;
  readonly request: string;
  readonly isCompressed?: boolean;
  readonly localAddress?: string;
}

/**
 * Opens a client connection that costs as little as Node allows. When `bytes[0..count)` have come, `onBytes` is called;
 * the memory is reused, and what it throws fails the load.
 */
export function openRaw(
  load: Load,
  { port, request, isCompressed = false, ...from }: RawTarget,
  onBytes: (count: number, bytes: Uint8Array, socket: Socket) => void,
): Promise<Socket> {
  return new Promise((resolve) => {
    let head: string | undefined = '';

    function readHead(bytes: Buffer): void {
      head += bytes.toString('latin1');
      const end = head?.indexOf('\r\n\r\n') ?? -1;
      if (head === undefined || end < 0) return;
      if (!isUpgradeAnswer(head, isCompressed)) throw new Error(`refused: ${head.split('\r\n', 1)[0]}`);
      const rest = Buffer.from(head.slice(end + 4), 'latin1');
      head = undefined;
      resolve(socket);
      if (rest.length > 0) onBytes(rest.length, rest, socket);
    }

    function callback(count: number, bytes: Uint8Array): boolean {
      try {
        if (head === undefined) onBytes(count, bytes, socket);
        else readHead(Buffer.from(bytes.subarray(0, count)));
      } catch (error) {
        load.fail(error instanceof Error ? error.message : String(error));
      }
      return true;
    }

    const onread = { buffer: READ_BUFFER, callback };
    const socket = connect({ host: '127.0.0.1', port, noDelay: true, onread, ...from });
    socket.on('error', (error) => load.fail(`connection lost: ${error.message}`));
    socket.on('close', () => load.fail('connection lost: closed by the server'));
    socket.write(request);
  });
}

export function reset(socket: Socket): void {
  socket.removeAllListeners('close').resetAndDestroy();
}

/**
 * Returns a function that opens links of bare sockets and prebuilt frames. Every received byte is compared with the
 * expected byte, by one native call for each read.
 */
export function rawOpener(load: Load, plan: OpenPlan): (number: number) => Promise<Link> {
  const { port, shape, burst, sendsToAll = false, usesAddresses = false } = plan;
  const isCompressed = shape.isCompressed === true;
  const runs = runsOf(buildFrames(shape, true), burst);
  const read = isCompressed ? readCompressed(shape, false) : readKnown(buildFrames(shape, false));
  return async (number) => {
    // Connections begin with different messages, except when all get the messages of one.
    let next = sendsToAll ? 0 : number % runs.length;
    const request = upgradeRequest(`/bench?${next}`, isCompressed ? [COMPRESSION_OFFER] : []);
    const localAddress = `127.0.0.${1 + Math.floor(number / CONNECTIONS_PER_ADDRESS)}`;
    const target = { port, request, isCompressed, ...(usesAddresses && { localAddress }) };
    const link: Link & Place = {
      ...NO_MESSAGES,
      variant: next,
      send(count) {
        socket.write(runs[next]?.[count] as Buffer);
        next = (next + count) % runs.length;
      },
      close: () => reset(socket),
    };
    const socket = await openRaw(load, target, (count, bytes) => {
      const answers = read(link, count, bytes);
      if (answers > 0) load.onAnswers(link, answers);
    });
    return link;
  };
}
