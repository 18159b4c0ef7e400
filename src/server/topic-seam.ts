/** How sessions and topics of a server speak with each other. Types only: a server without topics loads no more of them. */
import type { SendStatus } from '../connection/send-status.ts';
import type { PreparedMessage } from '../protocol/prepared-message.ts';
import type { SendOptions } from '../session/data-type.ts';
import type { DataType } from '../session/message-types.ts';
import type { Status } from '../session/status.ts';
import type { Subscription } from '../topics/topic-handler.ts';
import type { CallScope } from '../workers/call-scope.ts';
import type { ServerSubscribeOptions } from './topic-events.ts';

/** Who a connection belongs to, as `accept` was told. */
export interface Identity {
  readonly user: string | undefined;
  /** When the user signed in, in milliseconds since 1970. */
  readonly authenticatedAt: number | undefined;
}

/** The topics of one connection, as its session sees them. */
export interface SessionTopics {
  /** Whether the connection speaks `4d-topics.1`: then text messages are frames. */
  readonly isFramed: boolean;
  /** Whether so many frames wait that nothing more is to be read. */
  readonly isFull: boolean;
  /** Public id of the session. */
  readonly session: string;
  readonly subscriptions: readonly Subscription[];
  /** Subscribes the connection without asking its handler. */
  subscribe(topic: string, options: ServerSubscribeOptions): Promise<Subscription>;
  unsubscribe(topic: string): void;
  /**
   * Returns a message of the application as it goes to a framed connection.
   *
   * @param wire - what `toWire` made of the message
   */
  toFrame(message: unknown, wire: string | Buffer): string | Buffer;
  /** The connection is open; onOpen has not run. */
  onOpen(): void;
  /** A text message has come. */
  onText(text: string): void;
  /** Calls back when the subscriptions are up to date, or the connection is over: at once if they are already. */
  catchUp(callback: () => void): void;
  /** The connection is about to be closed by `drain`. */
  onDraining(): void;
  /** The connection is over; onTerminate has not run. */
  onEnded(): void;
}

/** The topics of a server, as its sessions see them. */
export interface TopicOpener {
  /** Makes the topics of a connection that does not speak their protocol. */
  openBare(peer: TopicPeer): SessionTopics;
}

/** A session, as the topics of its connection see it. */
export interface TopicPeer {
  readonly subject: object;
  readonly handler: object;
  readonly scope: CallScope;
  readonly dataType: DataType;
  readonly identity: Identity | undefined;
  readonly status: Status;
  readonly bufferedBytes: number;
  sendText(text: string): SendStatus;
  sendPrepared(message: PreparedMessage, options: SendOptions): SendStatus;
  /** Resolves when nothing waits for the peer any more, or the connection is over. */
  drained(): Promise<void>;
  /** Delivers a message to onMessage. */
  deliver(data: unknown): void;
  pauseReading(): void;
  /** Reads on, unless messages wait too. */
  resumeReading(): void;
  close(code: number, reason: string): void;
}
