import { FourDError } from '../errors.ts';
import { hasCallback } from '../session/call-handler.ts';
import { FOREIGN_OPTIONS } from '../session/foreign-names.ts';
import { type HandlerRole, invalidHandler } from '../session/handler-check.ts';
import { SERVE_KEYS } from './serve-options.ts';
import { parseServerOptions, type ServerSettings, type WebSocketServerOptions } from './server-options.ts';

const HANDLER_ROLE: HandlerRole = {
  kind: 'server',
  name: 'server handler',
  demand: 'it must be an object with a method onConnection',
  optionKeys: new Set([...SERVE_KEYS, ...Object.keys(FOREIGN_OPTIONS.server)]),
  foreign: FOREIGN_OPTIONS.server,
  advice: "options are the second parameter: (handler, { path: '/chat' })",
};

/**
 * Checks the handler and the options of a server.
 *
 * @throws FourDError
 */
export function checkArguments(handler: unknown, options: WebSocketServerOptions): ServerSettings {
  if (typeof handler !== 'object' || handler === null || !hasCallback(handler, 'onConnection')) {
    throw invalidHandler(HANDLER_ROLE, handler, 'HTTP');
  }
  return parseServerOptions(options);
}

export function serverError(
  code: 'ERR_INVALID_HANDLER' | 'ERR_DUPLICATE_PATH' | 'ERR_INVALID_CLOSE_ARGUMENT' | 'ERR_TOPICS_OFF',
  message: string,
): FourDError {
  return new FourDError(code, message, { componentSignature: 'HTTP' });
}
