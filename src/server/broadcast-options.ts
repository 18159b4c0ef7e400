import { checkSendFlags, SEND_KEYS, type SendOptions } from '../session/data-type.ts';
import { FOREIGN_OPTIONS } from '../session/foreign-names.ts';
import { invalidOption, kindOf, readGuarded, readList, readOptions } from '../session/option-checks.ts';
import { WebSocketConnection } from './web-socket-connection.ts';

/** A connection of any server. */
export type AnyConnection = WebSocketConnection<never, unknown, unknown, unknown>;

/** Options of `WebSocketServer.broadcast`. */
export interface BroadcastOptions extends SendOptions {
  /** One or several connections that do not get the message. */
  readonly except?: AnyConnection | readonly AnyConnection[] | undefined;
}

/** The options of a broadcast, in two parts. */
interface CheckedBroadcast {
  readonly except: readonly unknown[];
  readonly send: SendOptions;
}

const KEYS: ReadonlySet<string> = new Set<keyof BroadcastOptions>(['except', ...SEND_KEYS]);

/**
 * Reads the options of a broadcast once.
 *
 * @throws FourDError `ERR_INVALID_OPTION`
 */
export function readBroadcastOptions(options: BroadcastOptions): CheckedBroadcast {
  const { except, ...send } = readOptions(options, KEYS, 'HTTP', { foreign: FOREIGN_OPTIONS.broadcast });
  checkSendFlags(send, 'HTTP');
  if (except === undefined || except === null) return { except: [], send };
  const list = readList('except', except, 'HTTP') ?? [except];
  for (const connection of list) {
    // The message would reach the connection that was meant.
    if (readGuarded('except', () => connection instanceof WebSocketConnection, 'HTTP')) continue;
    throw invalidOption(`except must be a connection, or an array of them; received ${kindOf(connection)}`, 'HTTP');
  }
  return { except: list, send };
}
