import type { InvalidUpgrade } from '../handshake/server-handshake.ts';
import type { UpgradeRefusal } from '../http/upgrade-refusal.ts';
import type { Refusal } from './admission.ts';

/** The refusals that a server decides on, but for those of its rules for origins, hosts and limits. */

export const SHUTTING_DOWN: UpgradeRefusal = {
  status: 503,
  cause: 'closing',
  reason: 'the server is shutting down: try again later',
  advice:
    'Nothing is wrong: terminate(), drain(), stop() or killWorker() is ending the server. Clients may try again later.',
};

export const UNCLEAR_CLIENT: UpgradeRefusal = {
  status: 400,
  cause: 'handshake',
  reason: 'the headers Forwarded and X-Forwarded-For are malformed or contradict each other',
  advice: 'Let the proxies that trustedProxies names write one of the two headers, and remove what clients send.',
};

export const NO_COMMON_PROTOCOL: UpgradeRefusal = {
  status: 400,
  cause: 'handshake',
  reason: 'the server supports none of the offered subprotocols',
  advice:
    'Add a subprotocol that the client offers (request.headers["sec-websocket-protocol"]) to the option protocols, or leave ' +
    'the option out.',
};

export const NO_HANDLER: UpgradeRefusal = {
  status: 403,
  cause: 'handler',
  reason: 'the server refused the connection',
  advice: 'onConnection returned null or undefined: return a connection handler to let the client in.',
};

export const USER_CODE_FAILED: UpgradeRefusal = {
  status: 500,
  cause: 'error',
  reason: 'the server failed while deciding about this connection',
  advice: 'Correct the error that onError of the server handler, or else the error handler, has just been given.',
};

/** The refusal of a client that waited for a decision until its time was over. */
export function refusalOfSlowDecision(handshakeTimeoutMs: number): UpgradeRefusal {
  return {
    status: 503,
    cause: 'timeout',
    reason: 'the server took too long to decide about this connection: try again later',
    advice:
      `Neither onConnection nor an onOpen of the server that is still running was over within ${handshakeTimeoutMs} ms: make ` +
      'them faster, or raise handshakeTimeoutMs.',
  };
}

/** The refusal of a request that is no valid opening handshake. */
export function refusalOfHandshake({ status, reason, headers = {} }: InvalidUpgrade): UpgradeRefusal {
  return {
    status,
    cause: 'handshake',
    reason,
    advice:
      'The request is no valid WebSocket handshake. Correct the client; or, where a proxy stands between, let it pass on ' +
      'HTTP/1.1 with Upgrade, Connection and all Sec-WebSocket headers unchanged.',
    headerLines: Object.entries(headers)
      .map(([name, value]) => `${name}: ${value}\r\n`)
      .join(''),
  };
}

/** The refusal that `onConnection` has made with `refuse`. */
export function refusalOfUser({ status, body, headerLines }: Refusal): UpgradeRefusal {
  return {
    status,
    cause: 'handler',
    reason: body.trimEnd(),
    advice: `onConnection returned refuse(${status}, …): return a connection handler to let the client in.`,
    body,
    headerLines,
  };
}
