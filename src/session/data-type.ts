import type { DataType } from './message-types.ts';
import { isUtf8 } from 'node:buffer';
import { isAnyArrayBuffer, isDataView, isPromise, isUint8Array } from 'node:util/types';
import { ignoreRejection } from '../base/promises.ts';
import { type ComponentSignature, type ErrorCode, FourDError, isFourDError, textOfThrown } from '../errors.ts';
import { LARGE_PAYLOAD_BYTES } from '../protocol/frame-writer.ts';
import { isThenable } from '../workers/worker.ts';
import { FOREIGN_OPTIONS } from './foreign-names.ts';
import { checkFlag, invalidOption, kindOf, unknownOption } from './option-checks.ts';

/** How one message is sent. */
export interface SendOptions {
  /**
   * Whether to compress the message, where compression was agreed on. Default: true for messages of `thresholdBytes` or
   * more. Pass false for a message that holds a secret, or bytes that are compressed already.
   */
  readonly compress?: boolean | undefined;
  /**
   * Whether the message may be dropped while it waits for a peer that does not keep up, when `bufferPolicy` is
   * `'drop-oldest'`. Default false. Pass true for messages that a newer message replaces, such as positions.
   */
  readonly droppable?: boolean | undefined;
}

/** The options of `send`. */
export const SEND_KEYS: readonly (keyof SendOptions)[] = ['compress', 'droppable'];

/**
 * Reads the options of `send` once, as `readOptions` does for options that are read less often.
 *
 * @throws FourDError `ERR_INVALID_OPTION`
 */
export function readSendOptions(
  options: SendOptions | undefined,
  component: ComponentSignature,
): SendOptions | undefined {
  if (options === undefined || options === null) return undefined;
  if (typeof options !== 'object') {
    const isCallback = typeof options === 'function';
    const problem = isCallback
      ? ': send() takes no callback, see its result and drained()'
      : `; received ${kindOf(options)}`;
    throw invalidOption(`options must be an object${problem}`, component);
  }
  let unknown: string | undefined;
  let read: SendOptions;
  try {
    for (const name in options) if (name !== 'compress' && name !== 'droppable') unknown = name;
    const { compress, droppable } = options;
    read = { compress, droppable };
  } catch (thrown) {
    throw invalidOption(`options cannot be read: ${textOfThrown(thrown)}`, component, 'option', thrown);
  }
  if (unknown !== undefined) throw unknownOption(unknown, SEND_KEYS, component, { foreign: FOREIGN_OPTIONS.send });
  checkSendFlags(read, component);
  return read;
}

/**
 * Checks the values of the options of `send`.
 *
 * @throws FourDError `ERR_INVALID_OPTION`
 */
export function checkSendFlags({ compress, droppable }: SendOptions, component: ComponentSignature): void {
  checkFlag('compress', compress, component);
  checkFlag('droppable', droppable, component);
}

/** Tells whether `value` is a {@link DataType}. */
export function isDataType(value: unknown): value is DataType {
  return value === 'text' || value === 'blob' || value === 'object' || value === 'auto';
}

const BYTE_ORDER_MARK = '\u{feff}';

/**
 * Checks a data type and fills in the default.
 *
 * @throws FourDError `ERR_INVALID_DATA_TYPE`
 */
export function checkDataType(dataType: unknown, component: ComponentSignature): DataType {
  if (dataType === undefined) return 'text';
  if (isDataType(dataType)) return dataType;
  throw new FourDError('ERR_INVALID_DATA_TYPE', 'invalid dataType: it must be "text", "blob", "object" or "auto"', {
    componentSignature: component,
  });
}

/**
 * Converts a received message to the form that `dataType` asks for, whatever its opcode was.
 *
 * @param data - a string, or bytes that belong to the receiver
 * @param isText - whether the message was a text message, whose bytes are known to be UTF-8
 * @throws FourDError `ERR_INVALID_UTF8` or `ERR_INVALID_JSON`
 */
export function toEventData(
  dataType: DataType,
  data: string | Buffer,
  isText: boolean,
  componentSignature: ComponentSignature,
): unknown {
  if (dataType === 'blob' || (dataType === 'auto' && !isText)) return data;
  let text: string;
  if (typeof data === 'string') {
    text = data;
  } else if (isText || isUtf8(data)) {
    text = data.toString('utf8');
  } else {
    throw invalidData('ERR_INVALID_UTF8', `invalid binary message: not valid UTF-8 (dataType "${dataType}")`);
  }
  if (dataType !== 'object') return text;
  try {
    // Some peers put a byte order mark in front of JSON (RFC 8259 section 8.1 allows to ignore it).
    return JSON.parse(text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text) as unknown;
  } catch {
    // The error of JSON.parse quotes the payload, so it is neither the text nor the cause.
    throw invalidData('ERR_INVALID_JSON', 'invalid message: not valid JSON (dataType "object")');
  }

  function invalidData(code: ErrorCode, message: string): FourDError {
    return new FourDError(code, message, { componentSignature, side: 'remote' });
  }
}

/**
 * Converts the argument of `send` to what goes on the wire: a string for a text message, bytes for a binary message.
 *
 * @returns for bytes a view of the same memory, by byteOffset and byteLength
 * @throws FourDError `ERR_INVALID_MESSAGE`, also when code of the message throws
 */
export function toWire(message: unknown, componentSignature: ComponentSignature): string | Buffer {
  if (typeof message === 'string') return message;
  let description: string;
  try {
    if (isUint8Array(message) && isShortBuffer(message)) return message;
    if (ArrayBuffer.isView(message)) return toBuffer(message);
    // Unlike instanceof, isAnyArrayBuffer knows the buffers of another realm (node:vm, Jest).
    if (isAnyArrayBuffer(message)) return Buffer.from(message);
    let opaqueName: string | undefined;
    if (typeof message === 'object' && message !== null && !isThenable(message)) {
      const problem = describeStream(message);
      if (problem !== undefined) throw new TypeError(problem);
      const json = toJson(message);
      if (json === '{}') opaqueName = nameOfOpaque(message);
      if (json !== undefined && opaqueName === undefined) return json;
    }
    description = describeUnsendable(message, opaqueName);
  } catch (cause) {
    const detail = textOfThrown(cause).split('\n', 1)[0];
    throw new FourDError('ERR_INVALID_MESSAGE', `cannot send: ${detail}`, { componentSignature, cause });
  }
  throw new FourDError('ERR_INVALID_MESSAGE', `cannot send ${description}`, { componentSignature });
}

/**
 * Returns the error of a message that threw while it was sent.
 *
 * @param thrown - an error of {@link toWire}, or what a member of bytes has thrown that user code put there
 */
export function toSendError(thrown: unknown, componentSignature: ComponentSignature): FourDError {
  if (isFourDError(thrown)) return thrown;
  const message = `cannot send: ${textOfThrown(thrown)}`;
  return new FourDError('ERR_INVALID_MESSAGE', message, { componentSignature, cause: thrown });
}

const { copy: bufferCopy } = Buffer.prototype as unknown as { readonly copy: unknown };

/**
 * Tells whether bytes are a Buffer that can be sent as it is: not empty, short enough to be copied within the call, and
 * without a length or a copy() of the user.
 */
function isShortBuffer(bytes: Uint8Array): bytes is Buffer {
  const length = viewMembers.byteLength.call(bytes);
  if (length === 0 || length >= LARGE_PAYLOAD_BYTES) return false;
  return bytes.length === length && (bytes as Buffer).copy === bufferCopy;
}

/**
 * Returns a Buffer over the memory of a view.
 *
 * @throws TypeError when the memory was transferred, or shrunk so that the view is out of bounds
 */
function toBuffer(view: ArrayBufferView): Buffer {
  const members = isDataView(view) ? dataViewMembers : viewMembers;
  const length = members.byteLength.call(view);
  // The members of an empty typed array tell nothing, but its methods throw. Those of a DataView throw by themselves.
  if (length === 0 && !isDataView(view)) typedArrayKeys.call(view);
  return Buffer.from(members.buffer.call(view), members.byteOffset.call(view), length);
}

const typedArrayPrototype = Object.getPrototypeOf(Uint8Array.prototype) as { readonly keys: unknown };

const typedArrayKeys = typedArrayPrototype.keys as (this: ArrayBufferView) => unknown;

/** The members that the engine gave to views. User code can put others in front of them. */
const viewMembers = membersOf(typedArrayPrototype);
const dataViewMembers = membersOf(DataView.prototype);

type ViewMember = 'buffer' | 'byteOffset' | 'byteLength';
type ViewMembers = { readonly [K in ViewMember]: (this: ArrayBufferView) => ArrayBufferView[K] };

function membersOf(prototype: object): ViewMembers {
  const getters = Object.getOwnPropertyDescriptors(prototype) as unknown as {
    readonly [K in ViewMember]: { readonly get: ViewMembers[K] };
  };
  return { buffer: getters.buffer.get, byteOffset: getters.byteOffset.get, byteLength: getters.byteLength.get };
}

/**
 * Converts an object to JSON.
 *
 * @throws TypeError when `toJSON` of the object returns a promise, whose content would be lost
 */
function toJson(message: object): string | undefined {
  // A replacer takes several times as long, so it is used only where there may be an asynchronous toJSON.
  const { toJSON } = message as { readonly toJSON?: unknown };
  return JSON.stringify(message, typeof toJSON === 'function' ? refusePromise : undefined);
}

function refusePromise(_key: string, value: unknown): unknown {
  if (!isPromise(value)) return value;
  ignoreRejection(value);
  throw new TypeError('toJSON() returned a promise, which JSON cannot wait for');
}

/**
 * Tells what to pass instead of an object whose content comes later or piece by piece.
 *
 * @returns undefined for an object that holds its content, and for one whose `toJSON` gives it
 */
function describeStream(message: object): string | undefined {
  const prototype: unknown = Object.getPrototypeOf(message);
  if (prototype === Object.prototype || prototype === null || Array.isArray(message)) return undefined;
  const { toJSON, pipe, next } = message as Readonly<Record<string, unknown>>;
  if (typeof toJSON === 'function') return undefined;
  const name = Object.prototype.toString.call(message).slice('[object '.length, -1);
  if (name === 'Response' || name === 'Request')
    return `a ${name} is no message: pass what its arrayBuffer() resolves to`;
  if (typeof pipe === 'function' || Symbol.asyncIterator in message) {
    return 'a stream is no message: send each of its chunks, and await drained() between them';
  }
  if (typeof next === 'function' && Symbol.iterator in message) return 'an iterator is no message: pass an array';
  return undefined;
}

/** @param opaqueName - the result of {@link nameOfOpaque} */
function describeUnsendable(message: unknown, opaqueName: string | undefined): string {
  if (opaqueName === 'Blob' || opaqueName === 'File') {
    return `a ${opaqueName}: its bytes are read asynchronously; pass what its arrayBuffer() resolves to`;
  }
  const advice = 'pass a string, bytes, an object or an array';
  if (opaqueName !== undefined) return `a value of class ${opaqueName}: its content is lost in JSON; ${advice}`;
  if (isThenable(message)) {
    ignoreRejection(message);
    return `a promise (is an await missing?): ${advice}`;
  }
  return `${message === null ? 'null' : typeof message}: ${advice}`;
}

/**
 * Names the class of an object whose JSON is `{}` because the class does not keep its content in properties: Map, Set,
 * Blob, Error and the like.
 *
 * @returns undefined for a plain object, an instance of a plain class, and an object whose `toJSON` gave the JSON
 */
function nameOfOpaque(message: object): string | undefined {
  if (typeof (message as { readonly toJSON?: unknown }).toJSON === 'function') return undefined;
  const name = Object.prototype.toString.call(message).slice('[object '.length, -1);
  return name === 'Object' ? undefined : name;
}
