import type { ConnectionEvent } from '../server/request-info.ts';
import type { RefuseEvent } from '../server/refusal-reports.ts';
import type {
  DisconnectEvent,
  DrainEvent,
  ErrorEvent,
  InvalidEvent,
  MessageEvent,
  OpenEvent,
  ReconnectEvent,
  ServerTerminateEvent,
  TerminateEvent,
} from '../session/events.ts';
import { invalidArgument } from './arguments.ts';
import { showMessage } from './message-text.ts';

/** The events of a client, or of a connection of a server, by their type. */
export interface EventsByType {
  readonly open: OpenEvent;
  readonly message: MessageEvent<unknown>;
  readonly invalid: InvalidEvent;
  readonly drain: DrainEvent;
  readonly disconnect: DisconnectEvent;
  readonly reconnect: ReconnectEvent;
  readonly error: ErrorEvent;
  readonly terminate: TerminateEvent;
}

/** The events of a server, by their type. */
export interface ServerEventsByType {
  readonly open: OpenEvent;
  readonly connection: ConnectionEvent;
  readonly refuse: RefuseEvent;
  readonly error: ErrorEvent;
  readonly terminate: ServerTerminateEvent;
}

const TYPES: Readonly<Record<keyof EventsByType | keyof ServerEventsByType, string>> = {
  open: 'onOpen',
  connection: 'onConnection',
  message: 'onMessage',
  invalid: 'onInvalid',
  drain: 'onDrain',
  disconnect: 'onDisconnect',
  reconnect: 'onReconnect',
  refuse: 'onRefuse',
  error: 'onError',
  terminate: 'onTerminate',
};

/** Returns the name of the callback that gets events of a type. */
export function callbackOf(type: string): string {
  return TYPES[type as keyof typeof TYPES];
}

/** Checks the type of an event that a test asks for. @throws FourDError `ERR_INVALID_ARGUMENT` */
export function checkEventType(caller: string, type: unknown): string {
  if (typeof type === 'string' && Object.hasOwn(TYPES, type)) return type;
  const types = Object.keys(TYPES).map((name) => `'${name}'`);
  throw invalidArgument(
    caller,
    `there are no events of the type ${showMessage(type)}; the types are ${types.join(', ')}`,
  );
}
