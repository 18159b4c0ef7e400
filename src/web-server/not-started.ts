import { isIPv6 } from 'node:net';
import { FourDError, textOfThrown } from '../errors.ts';

const DEFAULT_ADVICE =
  '. No webServer was passed, so the default one was meant: pass yours, start webServer(), or make one by WebSocketServer.serve()';

/**
 * Builds the error of a WebSocket server whose web server does not run.
 *
 * @param state - what the web server does
 * @param startError - why its last start failed, undefined when it did not
 * @param isGiven - false for the default web server of a program that has passed none
 */
export function notStartedError(
  state: 'starting' | 'stopping' | 'stopped',
  startError: FourDError | undefined,
  isGiven: boolean,
): FourDError {
  const problem = problemOf(state, startError);
  const message = `cannot create a WebSocket server: ${problem}${isGiven ? '' : DEFAULT_ADVICE}`;
  const cause = state === 'stopped' ? startError : undefined;
  return new FourDError('ERR_WEB_SERVER_NOT_STARTED', message, { componentSignature: 'HTTP', cause });
}

function problemOf(state: 'starting' | 'stopping' | 'stopped', startError: FourDError | undefined): string {
  if (state === 'starting') return 'the start of the web server is not over yet: await web.start() first';
  if (state === 'stopping') return 'the web server is stopping: await web.stop(), then web.start()';
  if (startError === undefined) return 'the web server is not running: await web.start() first';
  return (
    `the web server is not running, because its last start failed: ${reasonOf(startError)} ` +
    '(start() does not reject: look at success and errors of its result)'
  );
}

/** Returns the reason in short, such as `EADDRINUSE 127.0.0.1:8080`, where the system gave one. */
function reasonOf(error: FourDError): string {
  // The cause of another error may be what code of the user has thrown, which must not be touched.
  if (error.code !== 'ERR_WEB_SERVER_LISTEN') return textOfThrown(error);
  const { code, address, port } = (error.cause ?? {}) as {
    readonly code?: unknown;
    readonly address?: unknown;
    readonly port?: unknown;
  };
  if (typeof code !== 'string' || typeof address !== 'string' || typeof port !== 'number') return textOfThrown(error);
  return `${code} ${isIPv6(address) ? `[${address}]` : address}:${port}`;
}
