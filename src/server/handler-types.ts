/** What the handler of a server tells the compiler. Types only. */
import type { ConnectionCallback, Misspelling, ServerCallback } from '../session/callback-types.ts';
import type { UntypedSchema, ValidationOptions } from '../session/validation.ts';
import type { AcceptAnswer, Refusal } from './admission.ts';
import type { TopicsHandler } from './web-socket-connection.ts';

/** The handlers of connections that a server handler accepts clients with; `Otherwise` where it does not tell. */
export type ConnectionHandlerOf<Handler, Otherwise> = Handler extends { onConnection(...args: never): infer Answer }
  ? AcceptedBy<Exclude<Awaited<Answer>, Refusal | null | undefined>, Otherwise>
  : Otherwise;

type AcceptedBy<Answer, Otherwise> = [Answer] extends [never]
  ? Otherwise
  : Answer extends AcceptAnswer<infer Handler, unknown>
    ? AcceptedBy<Handler, never>
    : Answer extends TopicsHandler<infer T, infer Data>
      ? // The type itself, which `Admission` holds beside `ConnectionHandler`, tells nothing more than that.
        [TopicsHandler<T, Data>] extends [Answer]
        ? never
        : Answer
      : Answer;

/** The first of two types, unless it tells nothing. */
type Known<First, Second> = unknown extends First ? Second : First;

/** The type of the connections' data: the one that was named, else the one that the handler speaks of. */
export type DataOf<Handler, Named> = Known<
  Named,
  Handler extends { onConnection(wss: infer Wss, ...rest: never): infer Answer }
    ? Known<DataOfAnswer<Awaited<Answer>>, Known<DataOfServer<Wss>, DataOfHandler<ConnectionHandlerOf<Handler, never>>>>
    : unknown
>;

type DataOfAnswer<Answer> = [Extract<Answer, AcceptAnswer<unknown, unknown>>] extends [
  AcceptAnswer<unknown, infer Data>,
]
  ? Data
  : unknown;

type DataOfServer<Wss> = Wss extends { readonly connections: readonly { data: infer Data }[] } ? Data : unknown;

type DataOfHandler<Handler> = Handler extends { onMessage(ws: infer Ws, ...rest: never): unknown }
  ? Ws extends { data: infer Data }
    ? Data
    : unknown
  : unknown;

/** The type of messages: the one that was named, else the one that the handlers of connections take. */
export type TypeOf<Handler, Named> = Known<Named, TypeOfMessages<ConnectionHandlerOf<Handler, never>>>;

type TypeOfMessages<Handler> = Handler extends { onMessage(ws: never, event: infer Event): unknown }
  ? Event extends { readonly data: infer T }
    ? T
    : unknown
  : unknown;

/**
 * What a server handler must be beside a `ServerHandler`: without a misspelt callback, its own or one of the object
 * that `onConnection` returns. The error of TypeScript holds the sentence.
 */
export type Spelt<Handler> = [Misspelling<Handler, ServerCallback>] extends [never]
  ? [ConnectionMisspelling<ConnectionHandlerOf<Handler, never>>] extends [never]
    ? unknown
    : { readonly onConnection: ConnectionMisspelling<ConnectionHandlerOf<Handler, never>> }
  : Misspelling<Handler, ServerCallback>;

/** What the handler of a connection must be beside a `ConnectionHandler`. */
export type SpeltConnection<Handler> = [ConnectionMisspelling<Handler>] extends [never]
  ? unknown
  : ConnectionMisspelling<Handler>;

/** Of each of several handlers, which a union type would not show. */
type ConnectionMisspelling<Handler> = Handler extends unknown ? Misspelling<Handler, ConnectionCallback> : never;

/**
 * Options with `dataType: 'object'`, whose function `onInvalid` knows the type of its connection.
 *
 * @typeParam Connection - what the function gets
 */
export type ObjectOptions<Options, Connection> = Omit<Options, 'dataType' | keyof ValidationOptions<Connection>> &
  ValidationOptions<Connection> & { readonly dataType: 'object' };

/**
 * Options whose `dataType` may be "object", as in a variable of type `WebSocketServerOptions`.
 *
 * @typeParam D - type of the option
 * @typeParam S - type of the option `schema`
 */
export type OpenOptions<Options, D, S> = Omit<Options, 'dataType' | 'schema'> &
  UntypedSchema<S> &
  ('object' extends D
    ? { readonly dataType?: D }
    : { readonly dataType: 'another one, because of the messages that this handler takes' });
