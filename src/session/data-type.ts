import { isUtf8 } from 'node:buffer';
import { isAnyArrayBuffer } from 'node:util/types';
import { type ComponentSignature, type ErrorCode, FourDError, textOfThrown } from '../errors.ts';
import { isThenable } from '../workers/worker.ts';

/** The form in which messages arrive: `"text"` a string, `"blob"` bytes, `"object"` the result of JSON.parse. */
export type DataType = 'text' | 'blob' | 'object';

/** A message for `send`: a string, bytes, or an object or array that is sent as JSON. */
export type SendableMessage = string | ArrayBuffer | SharedArrayBuffer | ArrayBufferView | object;

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

/** Tells whether `value` is a {@link DataType}. */
export function isDataType(value: unknown): value is DataType {
  return value === 'text' || value === 'blob' || value === 'object';
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
  throw new FourDError('ERR_INVALID_DATA_TYPE', 'invalid dataType: it must be "text", "blob" or "object"', {
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
  if (dataType === 'blob') return data;
  let text: string;
  if (typeof data === 'string') {
    text = data;
  } else if (isText || isUtf8(data)) {
    text = data.toString('utf8');
  } else {
    throw invalidData('ERR_INVALID_UTF8', `invalid binary message: not valid UTF-8 (dataType "${dataType}")`);
  }
  if (dataType === 'text') return text;
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
 * @throws FourDError `ERR_INVALID_MESSAGE`
 */
export function toWire(message: unknown, componentSignature: ComponentSignature): string | Buffer {
  if (typeof message === 'string') return message;
  let opaqueName: string | undefined;
  try {
    // The memory of an empty Buffer may have been transferred or shrunk: the check of views finds out.
    if (Buffer.isBuffer(message) && message.length > 0) return message;
    if (ArrayBuffer.isView(message)) {
      if (message.byteLength === 0) checkInBounds(message);
      return Buffer.from(message.buffer, message.byteOffset, message.byteLength);
    }
    // Unlike instanceof, isAnyArrayBuffer knows the buffers of another realm (node:vm, Jest).
    if (isAnyArrayBuffer(message)) return Buffer.from(message);
    if (typeof message === 'object' && message !== null && !isThenable(message)) {
      const problem = describeStream(message);
      if (problem !== undefined) throw new TypeError(problem);
      const json = JSON.stringify(message) as string | undefined;
      if (json === '{}') opaqueName = nameOfOpaque(message);
      if (json !== undefined && opaqueName === undefined) return json;
    }
  } catch (cause) {
    const detail = textOfThrown(cause).split('\n', 1)[0];
    throw new FourDError('ERR_INVALID_MESSAGE', `cannot send: ${detail}`, { componentSignature, cause });
  }
  throw new FourDError('ERR_INVALID_MESSAGE', `cannot send ${describeUnsendable(message, opaqueName)}`, {
    componentSignature,
  });
}

/**
 * Checks that the memory of an empty view was not transferred, and not shrunk so that the view is out of bounds.
 *
 * @throws TypeError, as any method of a typed array does for such a view
 */
function checkInBounds(view: ArrayBufferView): void {
  // The byteLength of a DataView throws by itself.
  if (!(view instanceof DataView)) typedArrayKeys.call(view);
}

// oxlint-disable-next-line typescript/unbound-method -- It is only called with a view as `this`.
const typedArrayKeys = (Object.getPrototypeOf(Uint8Array.prototype) as Uint8Array).keys as (
  this: ArrayBufferView,
) => unknown;

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
  if (isThenable(message)) return `a promise (is an await missing?): ${advice}`;
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
