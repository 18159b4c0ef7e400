import { setTimeout as sleep } from 'node:timers/promises';
import type { ConnectionHandler, WebSocketConnection } from '../../../src/index.ts';

/** Time that a callback of a client with `?do=hang` takes: longer than anything else in a run. */
const HANG_MS = 5000;

/**
 * Makes the handler of a client that has asked for a reaction to its messages: `hang`, `terminate`, or `destroy-2`, which
 * destroys the connection two turns of the event loop later.
 */
export function reactingHandler(reaction: string): ConnectionHandler {
  const [name, turnCount = '0'] = reaction.split('-');
  return {
    onMessage(connection) {
      if (name === 'hang') return sleep(HANG_MS);
      if (name === 'destroy') destroyLater(connection, Number(turnCount));
      else connection.terminate();
      return undefined;
    },
    // Errors of connections are expected here.
    onError() {},
  };
}

function destroyLater(connection: WebSocketConnection, turnCount: number): void {
  process.nextTick(() => {
    if (turnCount === 0) connection.destroy();
    else setImmediate(destroyLater, connection, turnCount - 1);
  });
}
