import type { MessageShape } from '../messages.ts';

export const LIBRARY = '4d-websocket';
export const BASELINE = 'ws';
/** The floor: sockets of Node without any WebSocket. */
export const BARE_SOCKETS = 'node:net';
/** Rooms of Socket.IO, and the same with its option connectionStateRecovery. */
export const ROOMS = 'socket.io';
export const RECOVERING_ROOMS = 'socket.io recov.';
/** The door of this library for programs written for ws, and Socket.IO on it. */
export const WS_DOOR = '4d-websocket/ws';
export const ROOMS_ON_DOOR = `socket.io on ${WS_DOOR}`;

/**
 * What a benchmark asks of a peer. `room`: it sends to all in a room; of these, `topics` has rooms or topics, `resume`
 * gives clients what they missed, and `log` keeps topics. `ws api`: its programs are those of ws; `ws engine`: it is
 * Socket.IO on such a peer.
 */
export type Side =
  | `${'' | 'compressing '}${'server' | 'client'}`
  | 'package'
  | 'room'
  | 'topics'
  | 'resume'
  | 'log'
  | 'ws api'
  | 'ws engine';

/** A program that is measured. The data is plain, because it is sent to other processes. */
export interface Peer {
  readonly name: string;
  /** The file of this folder that runs it. */
  readonly file: 'library' | 'ws' | 'undici' | 'uwebsockets' | 'socketio' | 'bare';
  readonly packageName?: string;
  /** Entry file of another build of this library. */
  readonly entry?: string;
  readonly sides: readonly Side[];
}

const BOTH: readonly Side[] = ['server', 'compressing server', 'client', 'compressing client'];
const ALL: readonly Side[] = [...BOTH, 'package', 'room', 'topics', 'resume', 'log'];

const PEERS: readonly Peer[] = [
  { name: LIBRARY, file: 'library', packageName: LIBRARY, sides: ALL },
  { name: BASELINE, file: 'ws', packageName: 'ws', sides: [...BOTH, 'package', 'ws api'] },
  { name: WS_DOOR, file: 'ws', packageName: WS_DOOR, sides: ['ws api'] },
  // undici inflates messages that it receives, but compresses none that it sends.
  { name: 'undici', file: 'undici', packageName: 'undici', sides: ['client', 'package'] },
  { name: 'uWebSockets.js', file: 'uwebsockets', packageName: 'uwebsockets', sides: ['server', 'package'] },
  { name: ROOMS, file: 'socketio', packageName: 'socket.io', sides: ['room', 'topics', 'ws engine'] },
  { name: ROOMS_ON_DOOR, file: 'socketio', packageName: 'socket.io', sides: ['ws engine'] },
  { name: RECOVERING_ROOMS, file: 'socketio', packageName: 'socket.io', sides: ['room', 'topics', 'resume'] },
  { name: BARE_SOCKETS, file: 'bare', sides: ['server', 'client', 'room'] },
];

/** Returns the peers of a run: those with a name, or all, and other builds of this library by their entry files. */
export function selectPeers(names: readonly string[], otherBuilds: readonly string[] = []): readonly Peer[] {
  const known = PEERS.map(({ name }) => name);
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) throw new Error(`there is no peer "${unknown}", only ${known.join(', ')}`);
  const selected = PEERS.filter(({ name }) => names.length === 0 || names.includes(name));
  const others = otherBuilds.map((entry, i): Peer => ({ name: `build ${i + 1}`, file: 'library', entry, sides: BOTH }));
  return [...selected, ...others];
}

export interface Workload {
  /**
   * `fan-out` sends to all in a loop; `broadcast` by the peer's own function if it has one, else in a loop; `topics`
   * sends to the members of the room or topic `room`.
   */
  readonly behaviour: 'echo' | 'fan-out' | 'broadcast' | 'topics';
  readonly shape: MessageShape;
}

export interface RunningPeer {
  readonly version: string;
  readonly notes: string;
  serve?(workload: Workload): Promise<number>;
  /** Publishes a message in a topic, and waits until it is stored. */
  publish?(topic: string): Promise<unknown>;
  connect?(task: ConnectTask): Promise<{ send(message: string | Buffer | object): void }>;
}

interface ConnectTask {
  readonly url: string;
  readonly shape: MessageShape;
  readonly onMessage: (data: unknown) => void;
  readonly onLost: () => void;
}

/** Limit of buffered bytes of a connection: well above 16 echoes of 1 MiB. */
export const MAX_BUFFERED_BYTES: number = 64 * 1_048_576;
export const MAX_MESSAGE_BYTES = 1_048_576;
/** Pings of servers with rooms or topics: none in a measurement, because their clients must all get the same bytes. */
export const PING_MS = 300_000;
