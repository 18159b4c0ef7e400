import { follow, ignoreRejection } from '../base/promises.ts';
import { type ComponentSignature, FourDError, type MessageIssue, textOfThrown } from '../errors.ts';
import type { CallScope } from '../workers/call-scope.ts';
import { isThenable } from '../workers/worker.ts';
import { type CallbackResult, callHandler } from './call-handler.ts';
import type { CallbackOwner, MessageGuard, RunUnlessMuted } from './callback-queue.ts';
import type { CheckedOptions } from './common-options.ts';
import { toEventData } from './data-type.ts';
import type { DataType } from './message-types.ts';
import type { InvalidEvent, MessageEvent } from './events.ts';
import { invalidOption } from './option-checks.ts';
import { describeIssues, type Outcome, readOutcome, Schema } from './schema.ts';
import { spoilingGuard } from './spoilt-bytes.ts';
import type { StandardSchema } from './standard-schema.ts';

/** A function that is called for a message that does not match the schema. The type is that of a method. */
type InvalidCallback<Connection> = {
  onInvalid(ws: Connection, event: InvalidEvent): CallbackResult;
}['onInvalid'];

/**
 * What becomes of a connection whose peer sent a message that does not match the schema. `'close'` ends it with 1007 and
 * `ERR_INVALID_CONTENT`; `'drop'` ignores the message. A function is called in the place of onMessage: when it returns
 * `'close'`, or a promise of it, the connection ends as with `'close'`; otherwise the message is ignored.
 *
 * @typeParam Connection - what the function gets as its first parameter
 */
export type OnInvalid<Connection> = 'close' | 'drop' | InvalidCallback<Connection>;

/**
 * How the content of messages is checked. A server has these as options, a client in its handler, beside `dataType`.
 *
 * @typeParam Connection - what a function `onInvalid` gets as its first parameter
 */
export interface ValidationOptions<Connection> {
  /**
   * A schema for the messages that arrive, with `dataType: 'object'`: of zod, valibot, arktype, or any other library that
   * implements Standard Schema (https://standardschema.dev). Default none. A message that does not match never reaches
   * onMessage; of others, `event.data` is what the schema makes of them.
   *
   * @remarks The schema may be asynchronous: messages keep their order, and `maxWaitingMessages` holds. It runs where
   * callbacks run; when it throws, rejects, or returns something else than a result, the connection ends with 1011.
   */
  readonly schema?: StandardSchema<unknown, unknown> | undefined;
  /** What becomes of the connection when a message does not match `schema`: see {@link OnInvalid}. Default `'close'`. */
  readonly onInvalid?: OnInvalid<Connection> | undefined;
  /**
   * Whether messages that are sent are checked too: true by `schema`, or a schema of their own. Default false. A message
   * that does not match is `ERR_INVALID_MESSAGE` at the call. The JSON is checked that the peer would get, also of a
   * string or bytes, and sent as it is. The schema must be synchronous.
   */
  readonly validateOutgoing?: boolean | StandardSchema<unknown, unknown> | undefined;
}

/** A schema of any type, or none. */
export type AnySchema = StandardSchema<unknown, unknown> | undefined;

/** What must have a schema that tells the type of messages. */
export interface TypedBySchema<T> {
  readonly dataType: 'object';
  readonly schema: StandardSchema<unknown, T>;
}

/**
 * What may have a schema that does not tell the type of messages: none, or one in a variable of a wide type.
 *
 * @typeParam S - type of the schema
 * @typeParam Advice - stands in the error of TypeScript
 */
export type UntypedSchema<S, Advice = 'another one, because of the messages that this handler takes'> = {
  readonly schema?: S;
} & (unknown extends OutputOf<Extract<S, object>> ? unknown : { readonly schema: Advice });

/** As {@link UntypedSchema}, for messages that are not parsed. */
export type NoSchema<S> = UntypedSchema<S, 'with dataType: "object" only'>;

type OutputOf<S> = [S] extends [never] ? unknown : S extends StandardSchema<unknown, infer T> ? T : unknown;

export const VALIDATION_KEYS: readonly (keyof ValidationOptions<never>)[] = ['schema', 'onInvalid', 'validateOutgoing'];

/** What the {@link ValidationOptions} mean, with the option `borrowed`. */
export interface CheckedValidation {
  readonly messageGuard: MessageGuard | undefined;
  readonly outgoing: OutgoingValidation | undefined;
}

export const NO_VALIDATION: CheckedValidation = { messageGuard: undefined, outgoing: undefined };

/**
 * Checks the options.
 *
 * @param handler - `this` in a function `onInvalid`
 * @throws FourDError `ERR_INVALID_OPTION`
 */
export function checkValidation(
  given: { readonly [K in keyof ValidationOptions<never>]?: unknown },
  dataType: DataType,
  { borrowed }: CheckedOptions,
  component: ComponentSignature,
  handler?: object,
): CheckedValidation {
  const { schema: givenSchema, onInvalid, validateOutgoing = false } = given;
  const schema = givenSchema === undefined ? undefined : new Schema('schema', givenSchema, component);
  if (schema !== undefined && dataType !== 'object') {
    throw invalidOption(`schema needs dataType "object": with "${dataType}" a message is not parsed`, component);
  }
  if (schema === undefined && onInvalid !== undefined) throw invalidOption('onInvalid needs schema', component);
  const incoming = schema && new IncomingValidation(schema, readOnInvalid(onInvalid, component, handler), component);
  // Bytes are lent as they came, so no schema has made anything of them.
  const messageGuard = borrowed === 'poison' ? spoilingGuard : incoming;
  const outgoing = checkOutgoing(validateOutgoing, schema, component);
  return messageGuard === undefined && outgoing === undefined ? NO_VALIDATION : { messageGuard, outgoing };
}

function readOnInvalid(given: unknown, component: ComponentSignature, handler: object | undefined): Reaction {
  if (given === undefined) return 'close';
  if (given === 'close' || given === 'drop') return given;
  if (typeof given !== 'function') throw invalidOption('onInvalid must be "close", "drop" or a function', component);
  return (ws, event) => Reflect.apply(given, handler, [ws, event]);
}

function checkOutgoing(
  given: unknown,
  schema: Schema | undefined,
  component: ComponentSignature,
): OutgoingValidation | undefined {
  if (given === false) return undefined;
  if (given !== true) return new OutgoingValidation(new Schema('validateOutgoing', given, component), component);
  if (schema !== undefined) return new OutgoingValidation(schema, component);
  throw invalidOption('validateOutgoing needs schema: pass a schema instead of true', component);
}

/** What becomes of an invalid message. */
type Reaction = 'close' | 'drop' | ((ws: object, event: InvalidEvent) => unknown);

/** Lets only messages that match a schema reach onMessage. All connections of a server share one object. */
class IncomingValidation implements MessageGuard {
  readonly #schema: Schema;
  readonly #onInvalid: Reaction;
  readonly #component: ComponentSignature;

  constructor(schema: Schema, onInvalid: Reaction, component: ComponentSignature) {
    this.#schema = schema;
    this.#onInvalid = onInvalid;
    this.#component = component;
  }

  deliver(event: MessageEvent<unknown>, owner: CallbackOwner, run: RunUnlessMuted): unknown {
    let outcome: Outcome;
    try {
      const result = this.#schema.validate(event.data);
      if (isThenable(result)) return this.#deliverLater(event, owner, run, result);
      outcome = readOutcome(result);
    } catch (thrown) {
      owner.onCallbackFailed(event, thrown, 'schema');
      return undefined;
    }
    return this.#deliverChecked(event, owner, run, outcome);
  }

  async #deliverLater(
    event: MessageEvent<unknown>,
    owner: CallbackOwner,
    run: RunUnlessMuted,
    result: PromiseLike<unknown>,
  ): Promise<void> {
    let outcome: Outcome;
    try {
      outcome = readOutcome(await follow(result));
    } catch (thrown) {
      owner.onCallbackFailed(event, thrown, 'schema');
      return;
    }
    const called = this.#deliverChecked(event, owner, run, outcome);
    if (isThenable(called)) await follow(called);
  }

  #deliverChecked(event: MessageEvent<unknown>, owner: CallbackOwner, run: RunUnlessMuted, outcome: Outcome): unknown {
    if (outcome.issues !== undefined) return this.#refuse(event, owner, run, toError(outcome, this.#component));
    const { type, isBinary } = event;
    const checked: MessageEvent<unknown> = { type, data: outcome.value, isBinary };
    return run(() => callHandler(owner.handler, 'onMessage', owner.subject, checked));
  }

  #refuse(event: MessageEvent<unknown>, owner: CallbackOwner, run: RunUnlessMuted, error: FourDError): unknown {
    const apply = (answer: unknown): void => {
      if (answer === 'close') run(() => owner.onInvalidMessage(error));
    };
    const onInvalid = this.#onInvalid;
    if (typeof onInvalid !== 'function') {
      apply(onInvalid);
      return undefined;
    }
    const fail = (thrown: unknown): void => owner.onCallbackFailed(event, thrown, 'onInvalid');
    try {
      const { data, isBinary } = event;
      const issues = error.issues as readonly MessageIssue[];
      const invalid: InvalidEvent = Object.freeze({ type: 'invalid', error, issues, data, isBinary });
      const answer = run(() => onInvalid(owner.subject, invalid));
      if (isThenable(answer)) return applyLater(answer, apply, fail);
      apply(answer);
    } catch (thrown) {
      fail(thrown);
    }
    return undefined;
  }
}

async function applyLater(
  answer: PromiseLike<unknown>,
  apply: (answer: unknown) => void,
  fail: (thrown: unknown) => void,
): Promise<void> {
  try {
    apply(await follow(answer));
  } catch (thrown) {
    fail(thrown);
  }
}

function toError(
  { issues, issueCount }: Extract<Outcome, { readonly issueCount: number }>,
  componentSignature: ComponentSignature,
): FourDError {
  const message = `invalid message: ${describeIssues(issues, issueCount)}`;
  return new FourDError('ERR_INVALID_CONTENT', message, { componentSignature, side: 'remote', issues });
}

/** Checks messages before they are sent. */
export class OutgoingValidation {
  readonly #schema: Schema;
  readonly #component: ComponentSignature;

  constructor(schema: Schema, component: ComponentSignature) {
    this.#schema = schema;
    this.#component = component;
  }

  /**
   * Checks what goes on the wire, as the peer will see it: code of a message could give the schema another content.
   *
   * @throws FourDError `ERR_INVALID_MESSAGE`
   */
  check(wire: string | Buffer, scope: CallScope): void {
    const outcome = this.#run(this.#parse(wire), scope);
    if (outcome.issues === undefined) return;
    throw this.#refusal(describeIssues(outcome.issues, outcome.issueCount), { issues: outcome.issues });
  }

  #parse(wire: string | Buffer): unknown {
    try {
      return toEventData('object', wire, typeof wire === 'string', this.#component);
    } catch {
      throw this.#refusal('it is not JSON, which validateOutgoing needs: pass an object or an array');
    }
  }

  #run(content: unknown, scope: CallScope): Outcome {
    let outcome: Outcome | undefined;
    try {
      outcome = scope.run(() => {
        const result = this.#schema.validate(content);
        if (!isThenable(result)) return readOutcome(result);
        ignoreRejection(result);
        return undefined;
      });
    } catch (cause) {
      throw this.#refusal(`the schema failed: ${textOfThrown(cause)}`, { cause });
    }
    if (outcome !== undefined) return outcome;
    const advice = 'pass a schema that is synchronous as validateOutgoing';
    throw this.#refusal(`the schema is asynchronous, and a send cannot wait for it; ${advice}`);
  }

  #refusal(
    problem: string,
    details: { readonly cause?: unknown; readonly issues?: readonly MessageIssue[] } = {},
  ): FourDError {
    const componentSignature = this.#component;
    return new FourDError('ERR_INVALID_MESSAGE', `cannot send: ${problem}`, { componentSignature, ...details });
  }
}
