import assert from 'node:assert/strict';
import fc from 'fast-check';
import { defineLaw, type Law } from '../law.ts';
import type { ConnectionEnd } from './connection-end.ts';
import { BOOM } from './connection-end.ts';
import { scenario } from './scenario.ts';
import { type Connection, World } from './world.ts';

/** Causes that onError must report. */
const ERROR_CAUSES: ReadonlySet<string> = new Set([
  'peer-ended',
  'peer-reset',
  'timeout',
  'heartbeat',
  'protocol',
  'limit',
  'callback',
]);

/** Runs public calls, callbacks and failures of a server and its clients in any order. */
export const lifeLaw: Law = defineLaw(
  'the life of connections: messages, callbacks and ends keep their order, whatever users do',
  250,
  fc.asyncProperty(scenario, async (each) => {
    const world = new World(each);
    try {
      await world.run();
      checkWorld(world);
    } finally {
      world.restore();
    }
  }),
);

function checkWorld(world: World): void {
  assert.deepEqual([...world.violations, ...world.ends.flatMap(({ violations }) => violations)], []);
  assert.deepEqual(world.unhandled, []);
  for (const connection of world.connections) checkConnection(connection);
  for (const { message } of world.reported) {
    assert.ok(message.includes(BOOM) || message.startsWith('cannot send bigint'), `reported: ${message}`);
  }
  for (const { expected, actual } of world.drains) assert.equal(actual, expected, 'the result of drain()');
  assert.deepEqual([world.serverCalls.at(0), world.serverCalls.at(-1)], ['onOpen', 'onTerminate']);
  assert.equal(world.serverCalls.filter((name) => name === 'onTerminate').length, 1);
  assert.equal(world.openConnections, 0, 'connections of the server');
  assert.equal(world.pendingTimers, 0, 'timers and deadlines that are left behind');
}

function checkConnection({ client, server, clientSession, decision, cameTooLate }: Connection): void {
  if (server.face === undefined) {
    assert.equal(client.face, undefined, `${client.name} is open, and its server end is not`);
    assert.ok(decision !== 'accept' || cameTooLate, `${client.name} was refused: ${clientSession.refusal}`);
    return;
  }
  checkEnd(server);
  checkMessages(client, server);
  // The connection may be lost before the client has seen the answer.
  if (client.face === undefined) return;
  checkEnd(client);
  assert.ok(clientSession.isFinished);
  checkMessages(server, client);
  checkCode(client, server);
  checkCode(server, client);
}

function checkEnd({ name, calls, terminated, pendingDrained, gates }: ConnectionEnd): void {
  const count = (callback: string): number => calls.filter((each) => each === callback).length;
  assert.equal(calls.at(0), 'onOpen', name);
  assert.equal(calls.at(-1), 'onTerminate', name);
  assert.deepEqual([count('onOpen'), count('onTerminate')], [1, 1], name);
  assert.ok(count('onError') <= 1, `${name}: onError`);
  assert.equal(pendingDrained, 0, `${name}: calls of drained() that did not resolve`);
  assert.equal(gates, 0, name);
  if (ERROR_CAUSES.has(terminated?.cause ?? '')) assert.equal(count('onError'), 1, `${name}: ${terminated?.cause}`);
}

/** Checks that messages arrive once and in order, and that none is missing when the sender closed the connection. */
function checkMessages(from: ConnectionEnd, to: ConnectionEnd): void {
  let next = 0;
  for (const n of to.received) {
    const at = from.sent.findIndex((sent, i) => i >= next && sent.n === n);
    assert.notEqual(at, -1, `${to.name} got message ${n} twice, or out of order`);
    const missed = from.sent.slice(next, at).filter(({ isOptional }) => !isOptional);
    assert.deepEqual(missed, [], `${to.name} missed messages in front of message ${n}`);
    next = at + 1;
  }
  const { terminated } = to;
  // The close frame of a failure overtakes waiting messages.
  if (from.calls.includes('onError') || to.mayLoseMessages) return;
  if (terminated?.wasClean !== true || terminated.cause !== 'peer-closed' || to.isEndedHere) return;
  const lost = from.sent.slice(next).filter(({ isOptional }) => !isOptional);
  assert.deepEqual(lost, [], `${to.name} missed messages in front of the close frame`);
}

/** Checks that an end that was closed by the other end gets its close code. */
function checkCode(from: ConnectionEnd, to: ConnectionEnd): void {
  const { terminated } = to;
  if (terminated?.wasClean !== true || to.isEndedHere || terminated.cause !== 'peer-closed') return;
  if (from.closeCode !== undefined) assert.equal(terminated.code, from.closeCode, `${to.name}: the close code`);
}
