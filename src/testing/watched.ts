import { type CallbackWatcher, watchCallbacks } from '../session/callback-watcher.ts';
import { WebSocketConnection } from '../server/web-socket-connection.ts';
import { Recording } from './recording.ts';

/** Recordings by the client, connection or server that they are of. */
const recordings = new WeakMap<object, Recording>();

/** Gets the recording of a new connection of a server. */
export type ConnectionListener = (connection: WebSocketConnection, recording: Recording) => void;

/** Servers whose connections are recorded. */
const servers = new WeakMap<object, { readonly waitMs: number; readonly onConnection: ConnectionListener }>();

const watcher: CallbackWatcher = {
  onCallback(subject, event) {
    if (event.type === 'open' && subject instanceof WebSocketConnection) recordConnection(subject);
    recordings.get(subject)?.note(event);
  },
  onCallbackOver(subject) {
    recordings.get(subject)?.noteFinished();
  },
};

let useCount = 0;

/** Sees callbacks from now on, until {@link stopWatching} has been called as often. */
export function startWatching(): void {
  if (useCount++ === 0) watchCallbacks(watcher);
}

export function stopWatching(): void {
  if (--useCount === 0) watchCallbacks(undefined);
}

/** Records the events of a client or server from now on. */
export function record(subject: object, recording: Recording): void {
  recordings.set(subject, recording);
}

/** Records the events of all connections of a server. */
export function recordConnectionsOf(server: object, waitMs: number, onConnection: ConnectionListener): void {
  servers.set(server, { waitMs, onConnection });
}

function recordConnection(connection: WebSocketConnection): void {
  const server = servers.get(connection.wss);
  if (server === undefined) return;
  const recording = new Recording('the connection of the server', server.waitMs);
  record(connection, recording);
  server.onConnection(connection, recording);
}
