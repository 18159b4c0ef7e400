import type { Ending } from '../connection/closing-state.ts';
import type { SendStatus } from '../connection/send-status.ts';
import { connectionChannel, messageChannel } from '../diagnostics/channels.ts';
import { countOne, type Observed } from '../diagnostics/observed.ts';
import { toPublicProtocol } from '../handshake/bearer-subprotocol.ts';
import type { PreparedMessage } from '../protocol/prepared-message.ts';
import { OPCODE_TEXT } from '../protocol/constants.ts';
import type { CallScope } from '../workers/call-scope.ts';

// Counts what happens to a session, and tells the channels. Subscribers run in the contexts in which the client or
// server was created, those of `send` in the contexts of its caller.

/** What is counted, and where subscribers run. */
export interface ObservedSettings {
  readonly scope: CallScope;
  readonly observed: Observed;
}

/** Counts a connection that is open now. */
export function countOpened(
  { scope, observed }: ObservedSettings,
  id: number,
  protocol: string,
  remoteAddress: string | undefined,
): void {
  observed.opened++;
  if (!connectionChannel.hasSubscribers) return;
  const { side, path } = observed;
  const shown = { protocol: toPublicProtocol(protocol), remoteAddress };
  scope.run(() => connectionChannel.publish({ type: 'opened', side, id, path, ...shown }));
}

/** Counts a connection that is over, with its figures. */
export function countEnded({ scope, observed }: ObservedSettings, id: number, ending: Ending): void {
  const { cause, phase, code, wasClean, error, bytesReceived, bytesSent, openMs } = ending;
  countOne(observed.ended, cause);
  observed.bytesReceived += bytesReceived;
  observed.bytesSent += bytesSent;
  if (!connectionChannel.hasSubscribers) return;
  const { side } = observed;
  const facts = { cause, phase, code, wasClean, error: error?.code, limit: error?.limit, observed: error?.observed };
  const figures = { bytesReceived, bytesSent, openMs };
  scope.run(() => connectionChannel.publish({ type: 'ended', side, id, ...facts, ...figures }));
}

/** Counts that a message waits where none waited before. */
export function countBlocked({ scope, observed }: ObservedSettings, id: number, bufferedBytes: number): void {
  observed.blocked++;
  if (!connectionChannel.hasSubscribers) return;
  const { side } = observed;
  scope.run(() => connectionChannel.publish({ type: 'blocked', side, id, bufferedBytes }));
}

/** Tells that nothing waits any more. */
export function tellWritable({ scope, observed: { side } }: ObservedSettings, id: number): void {
  if (connectionChannel.hasSubscribers) scope.run(() => connectionChannel.publish({ type: 'writable', side, id }));
}

/** Counts a message that waited and is not sent any more. */
export function countDropped({ scope, observed }: ObservedSettings, id: number): void {
  observed.messagesDropped++;
  if (!messageChannel.hasSubscribers) return;
  const { side } = observed;
  scope.run(() => messageChannel.publish({ type: 'dropped', side, id, kind: undefined, bytes: undefined }));
}

/** Tells of a message that has come. Only while `messageChannel` has subscribers. */
export function tellReceived(
  { scope, observed: { side } }: ObservedSettings,
  id: number,
  data: string | Buffer,
  isText: boolean,
): void {
  const kind = isText ? 'text' : 'binary';
  scope.run(() => messageChannel.publish({ type: 'received', side, id, kind, bytes: Buffer.byteLength(data) }));
}

/**
 * Counts a message of the user that was sent, or not. Returns the status.
 *
 * @param wire - undefined for a message that no connection was there for
 */
export function countSend(
  settings: ObservedSettings,
  id: number,
  status: SendStatus,
  wire: string | Buffer | PreparedMessage | undefined,
): SendStatus {
  if (status === 'dropped') settings.observed.messagesDropped++;
  else settings.observed.messagesSent++;
  if (messageChannel.hasSubscribers) tellSend(settings, id, status, wire);
  return status;
}

function tellSend(
  { observed: { side } }: ObservedSettings,
  id: number,
  status: SendStatus,
  wire: string | Buffer | PreparedMessage | undefined,
): void {
  const size = wire === undefined ? { kind: undefined, bytes: undefined } : sizeOf(wire);
  if (status === 'dropped') messageChannel.publish({ type: 'dropped', side, id, ...size });
  else if (size.kind !== undefined) {
    messageChannel.publish({ type: 'sent', side, id, ...size, isQueued: status === 'queued' });
  }
}

/** Counts the time of a callback. */
export function noteCallbackTime(
  { scope, observed }: ObservedSettings,
  id: number,
  callback: string,
  durationMs: number,
): void {
  observed.callbackTimes.note(durationMs);
  if (!messageChannel.hasSubscribers) return;
  const { side } = observed;
  scope.run(() => messageChannel.publish({ type: 'handled', side, id, callback, durationMs }));
}

function sizeOf(wire: string | Buffer | PreparedMessage): { kind: 'text' | 'binary'; bytes: number } {
  if (typeof wire === 'string') return { kind: 'text', bytes: Buffer.byteLength(wire) };
  if (Buffer.isBuffer(wire)) return { kind: 'binary', bytes: wire.length };
  return { kind: wire.opcode === OPCODE_TEXT ? 'text' : 'binary', bytes: wire.payload.length };
}
