import type { Duplex } from 'node:stream';
import type { UpgradeRequest } from '../handshake/server-handshake.ts';
import { refuseUpgrade, type UpgradeRefusal } from './upgrade-refusal.ts';

/** Most paths that a warning names. */
const MAX_NAMED_PATHS = 20;

const UNKNOWN_PATH: UpgradeRefusal = {
  status: 404,
  cause: 'path',
  reason: 'no WebSocket server has this path',
  advice: 'Correct the path in the client, or pass it as the option path of a WebSocketServer.',
};

/** Refuses clients whose path no WebSocket server has, and warns of the first one, because no server hears of it. */
export class UnknownPaths {
  #hasWarned = false;

  /** @param known - the paths that there are */
  refuse(request: UpgradeRequest, socket: Duplex, known: Iterable<{ readonly text: string }>): void {
    refuseUpgrade(request, socket, UNKNOWN_PATH, undefined);
    if (this.#hasWarned) return;
    const paths = Array.from(known, ({ text }) => `"${text}"`);
    if (paths.length === 0) return;
    this.#hasWarned = true;
    const rest = paths.splice(MAX_NAMED_PATHS);
    process.emitWarning(
      'a client was refused with 404, because no WebSocketServer has the path that it asked for. The paths of this HTTP ' +
        `server are ${paths.join(', ')}${rest.length === 0 ? '' : ` and ${rest.length} more`}. Further such clients are ` +
        'refused without a warning.',
      { type: '4dWebSocketWarning', code: '4D_WEBSOCKET_UNKNOWN_PATH' },
    );
  }
}
