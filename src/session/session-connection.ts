import type { ConnectionListener } from '../connection/connection.ts';
import type { SendStatus } from '../connection/send-status.ts';
import type { EndCause, FourDError } from '../errors.ts';
import type { PreparedMessage } from '../protocol/prepared-message.ts';

/** The open connection of a session. {@link Connection} implements it over a byte stream. */
export interface SessionConnection {
  readonly bytesReceived: number;
  /** Bytes that the system was given. */
  readonly bytesSent: number;
  readonly bufferedBytes: number;
  /** True while messages wait for the peer or for a compressor. {@link ConnectionListener.onWritable} follows. */
  readonly isBlocked: boolean;
  start(listener: ConnectionListener): void;
  pause(): void;
  resume(): void;
  send(data: string | Buffer | PreparedMessage, compress?: boolean, isDroppable?: boolean): SendStatus;
  close(code: number, reason: string, timeoutMs: number, cause?: EndCause): void;
  ping(): Promise<number | undefined>;
  fail(error: FourDError): boolean;
  destroy(cause?: EndCause): void;
  cut(cause: EndCause): void;
}
