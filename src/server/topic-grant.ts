import { type FourDError, textOfThrown } from '../errors.ts';
import { checkFlag, invalidOption, kindOf, readOptions } from '../session/option-checks.ts';
import { generateError } from '../workers/error-handling.ts';
import { checkMoment } from './moment.ts';

/** What a client may do in a topic: options of {@link grant}. */
export interface GrantOptions {
  /** Whether the client may publish where the handler has no `onPublish`. Default false. */
  readonly publish?: boolean | undefined;
  /**
   * Whether the client may ask for older messages. Default true. With false it may begin with the next message, or behind
   * one that it has had.
   */
  readonly history?: boolean | undefined;
  /** Whether the client may show itself as a member, and see the members. Default: neither. */
  readonly presence?: { readonly show?: boolean | undefined; readonly watch?: boolean | undefined } | undefined;
  /** What the other members see beside the user: an object whose JSON has at most 1 024 bytes. */
  readonly info?: object | undefined;
  /** When the subscription ends, as a Date or in milliseconds since 1970. Default: with the connection. */
  readonly expiresAt?: Date | number | undefined;
}

const GRANT_KEYS: ReadonlySet<string> = new Set<keyof GrantOptions>([
  'publish',
  'history',
  'presence',
  'info',
  'expiresAt',
]);
const PRESENCE_KEYS: ReadonlySet<string> = new Set(['show', 'watch']);

/** What a client may do with members, or does. */
interface PresenceFlags {
  readonly show: boolean;
  readonly watch: boolean;
}

/** @throws FourDError `ERR_INVALID_OPTION` */
export function checkPresence(presence: GrantOptions['presence']): PresenceFlags {
  const { show, watch } = readOptions(presence ?? {}, PRESENCE_KEYS, 'HTTP', { prefix: 'presence.' });
  return Object.freeze({
    show: checkFlag('presence.show', show, 'HTTP') ?? false,
    watch: checkFlag('presence.watch', watch, 'HTTP') ?? false,
  });
}

/** Longest `info` in bytes of its JSON. */
const MAX_INFO_BYTES = 1024;

/** The results of `grant` and `deny`. */
const answers = new WeakSet<object>();

/** The result of {@link grant}, which `onSubscribe` returns. Frozen. */
export class Grant {
  readonly publish: boolean;
  readonly history: boolean;
  readonly presence: PresenceFlags;
  /** JSON of the info; undefined for none. */
  readonly info: string | undefined;
  /** In milliseconds since 1970; undefined for never. */
  readonly expiresAt: number | undefined;

  /** @throws FourDError `ERR_INVALID_OPTION` */
  constructor(given: GrantOptions) {
    const { publish, history, presence, info, expiresAt } = readOptions(given, GRANT_KEYS, 'HTTP', {
      advice: `: grant() takes ${[...GRANT_KEYS].join(', ')}`,
    });
    this.publish = checkFlag('publish', publish, 'HTTP') ?? false;
    this.history = checkFlag('history', history, 'HTTP') ?? true;
    this.presence = checkPresence(presence);
    this.info = checkInfo(info);
    this.expiresAt = checkMoment('expiresAt', expiresAt);
    Object.freeze(this);
    answers.add(this);
  }
}

/** The result of {@link deny}, which `onSubscribe` returns. Frozen. */
export class Denial {
  readonly message: string;

  constructor(message: string) {
    this.message = message;
    Object.freeze(this);
    answers.add(this);
  }
}

/**
 * Lets a client subscribe, for `onSubscribe` to return; `true` is the same as `grant()`.
 *
 * @param options - by default the client may subscribe, and get what it missed; it may not publish
 * @returns the value to return; null, which refuses, when `onErrCall` or `tryExpr` handled an error
 * @throws FourDError (or what `onErrCall` makes of it) `ERR_INVALID_OPTION`
 */
export function grant(options: GrantOptions = {}): Grant | null {
  try {
    return new Grant(options);
  } catch (error) {
    return generateError<Grant | null>(error as FourDError, null);
  }
}

/**
 * Refuses a subscription, for `onSubscribe` to return; null, undefined and false are the same as `deny()`.
 *
 * @param message - what the client is told, cut to 256 characters. Default `"denied"`
 */
export function deny(message?: string): Denial {
  return new Denial(message === undefined ? 'denied' : textOfThrown(message).slice(0, MAX_DENIAL_LENGTH));
}

const MAX_DENIAL_LENGTH = 256;

/** What `onSubscribe` decided; undefined for a value that is no answer. */
export function readGrant(answer: unknown): Grant | Denial | undefined {
  if (answer === true) return (plainGrant ??= new Grant({}));
  if (answer === null || answer === undefined || answer === false) return (plainDenial ??= deny());
  return typeof answer === 'object' && answers.has(answer) ? (answer as Grant | Denial) : undefined;
}

let plainGrant: Grant | undefined;
let plainDenial: Denial | undefined;

/**
 * Checks what the other members see, and returns its JSON.
 *
 * @throws FourDError `ERR_INVALID_OPTION`
 */
export function checkInfo(info: unknown): string | undefined {
  if (info === undefined) return undefined;
  if (typeof info !== 'object' || info === null) {
    throw invalidOption(`info must be an object; received ${kindOf(info)}`, 'HTTP');
  }
  let json: string | undefined;
  try {
    json = JSON.stringify(info);
  } catch (thrown) {
    throw invalidOption(`info cannot be written as JSON: ${textOfThrown(thrown)}`, 'HTTP', 'option', thrown);
  }
  if (json === undefined) throw invalidOption('info cannot be written as JSON', 'HTTP');
  const bytes = Buffer.byteLength(json);
  if (bytes <= MAX_INFO_BYTES) return json;
  throw invalidOption(`info is too long: ${bytes} bytes of JSON (at most ${MAX_INFO_BYTES})`, 'HTTP');
}
