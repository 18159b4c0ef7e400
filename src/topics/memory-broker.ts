import { FourDError, textOfThrown } from '../errors.ts';
import type { Broker } from './broker.ts';
import { MemoryLogs } from './memory-logs.ts';

/** Least memory: less would be gone after a few messages. */
const MIN_BYTES = 65_536;

/** Options of {@link memoryBroker}. */
export interface MemoryBrokerOptions {
  /**
   * Memory in bytes for histories, states and the names of topics, counted with what V8 needs for them; from 65 536, or
   * Infinity. Default 268 435 456 (256 MiB).
   *
   * @remarks When it is used up, the topics that have been idle for longest are forgotten: those who subscribe to one of
   * them, or come back to it, get `onGap` with reason `'trimmed'`. A message that is larger is `ERR_BROKER_FULL`.
   */
  readonly maxBytes?: number | undefined;
}

/**
 * Keeps topics in the memory of this process: the broker of a server that is alone. The default of the option `topics`.
 *
 * @remarks One order for each topic, messages stored as soon as they are published, and nothing outlives the process: after
 * a restart each client that resumes gets `onGap` with reason `'epoch'`. A topic is forgotten `stateSeconds` after its
 * last message, and ten minutes after its last subscriber, whichever is later; an idle one takes about 250 bytes.
 * Give each server a broker of its own.
 * @throws FourDError `ERR_INVALID_OPTION` for an option that does not exist, or is out of its range
 * @example
 * const server = WebSocketServer.new(door, { path: '/chat', topics: { broker: memoryBroker({ maxBytes: 2 ** 30 }) } });
 */
export function memoryBroker(options: MemoryBrokerOptions = {}): Broker {
  const { unknown, maxBytes } = read(options);
  if (unknown !== undefined) throw invalid(`memoryBroker has no option ${unknown}: it has maxBytes`);
  const isWhole = Number.isSafeInteger(maxBytes) || maxBytes === Infinity;
  if (maxBytes !== undefined && !(isWhole && maxBytes >= MIN_BYTES)) {
    throw invalid(`maxBytes of memoryBroker must be a whole number, ${MIN_BYTES} or more, or Infinity`);
  }
  return new MemoryLogs({ maxBytes }).connect();
}

/** Reads the options, whatever they are. */
function read(options: MemoryBrokerOptions): MemoryBrokerOptions & { readonly unknown: string | undefined } {
  try {
    return { maxBytes: options.maxBytes, unknown: Object.keys(options).find((name) => name !== 'maxBytes') };
  } catch (thrown) {
    throw invalid(`the options of memoryBroker cannot be read: ${textOfThrown(thrown)}`);
  }
}

function invalid(message: string): FourDError {
  return new FourDError('ERR_INVALID_OPTION', message, { componentSignature: 'HTTP' });
}
