/**
 * The testing kit: clients and servers joined in memory, a clock that the test moves, faults, recording handlers.
 *
 * @packageDocumentation
 */
export { createPair, type Pair, type PairOptions, serveInMemory } from './testing/pair.ts';
export { configure, type TestingSettings } from './testing/configure.ts';
export { createClock, type TestClock } from './testing/test-clock.ts';
export { type Direction, type Line } from './testing/line.ts';
export { type EventsByType, type ServerEventsByType } from './testing/event-types.ts';
export { type RecordedEvent } from './testing/recording.ts';
export { type Received, type TestEnd } from './testing/test-end.ts';
export {
  type ClientInMemoryOptions,
  type DataOfType,
  type ServerEnd,
  type ServerInMemory,
  type ServerInMemoryOptions,
  type TestClient,
} from './testing/server-in-memory.ts';
export {
  type AnySocket,
  type RecordedCallbacks,
  type RecordedClientCallbacks,
  recordingClientHandler,
  type RecordingClientHandler,
  recordingHandler,
  type RecordingHandler,
} from './testing/recording-handler.ts';
export {
  type RecordedServerCallbacks,
  recordingServerHandler,
  type RecordingServerHandler,
} from './testing/recording-server-handler.ts';
export { type ConnectionTest, type ConnectionTestOptions, testConnection } from './testing/connection-test.ts';
export { assertEnded, assertFailed, assertReceived, assertReceivedAll, assertSent } from './testing/assertions.ts';
export { matchers, type WebSocketMatchers } from './testing/matchers.ts';
export { type ExpectedEnd, type Receiver, type Sender } from './testing/checks.ts';
