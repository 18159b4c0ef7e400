import type { ErrorCode } from '../errors.ts';
import type { Subscription } from './topic-handler.ts';

/** What an error tells besides its code and message. */
export interface TopicErrorDetails {
  readonly stored?: 'no' | 'unknown';
  readonly cause?: unknown;
}

/** What the topics of a client need of that client: in Node, or in a browser. */
export interface TopicsHost {
  /** Whether the connection is open, and the server has chosen the subprotocol of topics. */
  readonly isOn: boolean;
  /** Sends a text message, where the connection is open. */
  send(text: string): void;
  /** A message of the application has come. */
  onMessage(data: unknown): void;
  /** The server goes: the client is to connect again. */
  onMove(): void;
  /** Tells how many callbacks of a subscription wait. */
  onWaiting?(subscription: Subscription, count: number): void;

  /** Calls a callback of the user. Throws what it throws; returns a promise when it is over later. */
  call(handler: object, name: string, subject: object, event: object): PromiseLike<unknown> | undefined;
  /** Tells of a callback that has failed. */
  report(name: string, thrown: unknown): void;
  toError(code: ErrorCode, message: string, details?: TopicErrorDetails): Error;
  /** Finds a problem of the name of a topic, which may be `@me`; undefined for none. */
  findProblem(topic: string): string | undefined;

  /** Calls back once, later; never for Infinity. */
  after(ms: number, act: () => void): unknown;
  cancel(timer: unknown): void;

  /** Returns the JSON of an object, or bytes as they are. @throws FourDError `ERR_INVALID_MESSAGE` */
  toWire(data: object): string | Uint8Array;
  toBase64(bytes: Uint8Array): string;
  /** Throws, or returns what it can, when the text is not base 64. */
  fromBase64(text: string): Uint8Array;
  /** Returns at least 16 and at most 64 random characters. */
  randomId(): string;
}
