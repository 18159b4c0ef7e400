import { FourDError, textOfThrown } from '../errors.ts';
import { hasSomeCallback } from '../session/call-handler.ts';
import { CALLBACK_NAMES } from '../session/callback-queue.ts';
import { FOREIGN_OPTIONS } from '../session/foreign-names.ts';
import { type HandlerRole, invalidHandler, isArray, optionOf } from '../session/handler-check.ts';
import { VALIDATION_KEYS } from '../session/validation.ts';
import { CLIENT_KEYS } from './client-options.ts';

/** The members of a handler that are read here. */
interface HandlerSettings {
  readonly dataType?: unknown;
  readonly headers?: unknown;
  readonly schema?: unknown;
  readonly onInvalid?: unknown;
  readonly validateOutgoing?: unknown;
}

const CALLBACKS: readonly string[] = Object.values(CALLBACK_NAMES);

/** What belongs into the handler, and is an option in other libraries. */
const SETTINGS: readonly string[] = ['dataType', 'headers', ...VALIDATION_KEYS] satisfies (keyof HandlerSettings)[];

const OPTION_KEYS: ReadonlySet<string> = new Set(
  [...CLIENT_KEYS, ...Object.keys(FOREIGN_OPTIONS.client)].filter((name) => !SETTINGS.includes(name)),
);

const HANDLER_ROLE: HandlerRole = {
  kind: 'client',
  name: 'handler',
  demand: 'it must be an object with callbacks',
  optionKeys: OPTION_KEYS,
  foreign: FOREIGN_OPTIONS.client,
  advice: "options are the third parameter: (url, {}, { protocols: ['chat'] })",
};

/**
 * Reads what a client needs of its handler, once.
 *
 * @throws FourDError `ERR_INVALID_HANDLER`
 */
export function readHandler(handler: unknown): HandlerSettings {
  const isHandler = typeof handler === 'object' && handler !== null;
  if (!isHandler || isArray(handler) || optionOf(handler, OPTION_KEYS) !== undefined) {
    // A handler may have members of its own that are named like options.
    if (!isHandler || !hasSomeCallback(handler, CALLBACKS)) throw invalidHandler(HANDLER_ROLE, handler, 'HTCL');
  }
  try {
    const { dataType, headers, schema, onInvalid, validateOutgoing } = handler as HandlerSettings;
    return { dataType, headers, schema, onInvalid, validateOutgoing };
  } catch (thrown) {
    throw unreadableHandler(thrown);
  }
}

/** @param cause - what a getter of the handler has thrown */
export function unreadableHandler(cause: unknown): FourDError {
  const message = `invalid handler: ${textOfThrown(cause)}`;
  return new FourDError('ERR_INVALID_HANDLER', message, { componentSignature: 'HTCL', cause });
}
