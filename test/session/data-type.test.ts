import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkDataType, isDataType, toEventData, toWire } from '../../src/session/data-type.ts';
import { parseServerOptions } from '../../src/server/server-options.ts';
import { FourDError } from '../../src/errors.ts';
import { hex } from '../helpers/frames.ts';
import { errorOf } from '../helpers/error-of.ts';

const VIEWS = [
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
] as const;

/** The error that `toWire` throws. Fails when it throws none. */
function refusalOf(message: unknown): FourDError {
  try {
    toWire(message, 'HTCL');
  } catch (error) {
    expect(error).toBeInstanceOf(FourDError);
    expect(error).toMatchObject({ code: 'ERR_INVALID_MESSAGE', componentSignature: 'HTCL', side: 'local' });
    return error as FourDError;
  }
  throw new Error('toWire did not refuse the message');
}

/** Detaches an ArrayBuffer from its memory. */
function detach(memory: ArrayBuffer): void {
  structuredClone(memory, { transfer: [memory] });
}

function throwIt(thrown: unknown): never {
  throw thrown;
}

function makeCycle(): object {
  const list: unknown[] = [];
  list.push({ list });
  return list;
}

function withThen(value: unknown): object {
  // oxlint-disable-next-line unicorn/no-thenable -- the test is about thenables
  return { then: value };
}

function makeUnreadable(name: string): object {
  return Object.defineProperty({}, name, {
    enumerable: true,
    get() {
      throw new Error(`no ${name} today`);
    },
  });
}

function makeRevoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

describe('isDataType', () => {
  test('accepts the four data types only', () => {
    expect(['text', 'blob', 'object'].every(isDataType)).toBe(true);
    for (const value of ['Text', '', 'json', undefined, null, 0, ['text'], { toString: () => 'text' }]) {
      expect(isDataType(value)).toBe(false);
    }
  });
});

describe('toWire', () => {
  test.each(VIEWS.map((View) => [View.name, View] as const))('sends the bytes of any %s', (_name, View) => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(), fc.nat(), fc.boolean(), (bytes, a, b, isShared) => {
        const size = View.BYTES_PER_ELEMENT;
        const capacity = Math.floor(bytes.length / size);
        const memory = isShared ? new SharedArrayBuffer(capacity * size) : new ArrayBuffer(capacity * size);
        new Uint8Array(memory).set(bytes.subarray(0, capacity * size));
        const first = a % (capacity + 1);
        const length = b % (capacity - first + 1);
        const wire = toWire(new View(memory as ArrayBuffer, first * size, length), 'HTTP');
        expect(Buffer.isBuffer(wire)).toBe(true);
        expect(Array.from(wire as Buffer)).toEqual(Array.from(bytes.subarray(first * size, (first + length) * size)));
      }),
    );
  });

  test('sends the bytes of any DataView', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(), fc.nat(), (bytes, a, b) => {
        const memory = Uint8Array.from(bytes).buffer;
        const offset = a % (bytes.length + 1);
        const length = b % (bytes.length - offset + 1);
        const wire = toWire(new DataView(memory, offset, length), 'HTTP');
        expect(Array.from(wire as Buffer)).toEqual(Array.from(bytes.subarray(offset, offset + length)));
      }),
    );
  });

  test('returns the Buffer that was passed, and a view of the memory of anything else', () => {
    const buffer = Buffer.from('hello');
    expect(toWire(buffer, 'HTTP')).toBe(buffer);
    const memory = new ArrayBuffer(4);
    const wire = toWire(memory, 'HTTP') as Buffer;
    new Uint8Array(memory)[2] = 7;
    expect(Array.from(wire)).toEqual([0, 0, 7, 0]);
  });

  test('sends an ArrayBuffer and a SharedArrayBuffer', () => {
    const memory = Uint8Array.of(1, 2, 3).buffer;
    expect(toWire(memory, 'HTTP')).toEqual(Buffer.of(1, 2, 3));
    const shared = new SharedArrayBuffer(2);
    new Uint8Array(shared).set([4, 5]);
    expect(toWire(shared, 'HTTP')).toEqual(Buffer.of(4, 5));
  });

  test('sends the bytes of another realm', () => {
    expect(toWire(runInNewContext('Uint8Array.of(1, 2).buffer'), 'HTTP')).toEqual(Buffer.of(1, 2));
    expect(toWire(runInNewContext('new SharedArrayBuffer(1)'), 'HTTP')).toEqual(Buffer.of(0));
    expect(toWire(runInNewContext('Uint16Array.of(1)'), 'HTTP')).toEqual(Buffer.of(1, 0));
    expect(toWire(runInNewContext('({ a: [1] })'), 'HTTP')).toBe('{"a":[1]}');
  });

  test('sends empty bytes of any kind', () => {
    for (const empty of [Buffer.alloc(0), new Uint8Array(), new ArrayBuffer(0), new DataView(new ArrayBuffer(0))]) {
      expect(toWire(empty, 'HTTP')).toEqual(Buffer.alloc(0));
    }
  });

  test('refuses memory that was transferred away', () => {
    const memory = new ArrayBuffer(8);
    const messages = [memory, new Uint8Array(memory), Buffer.from(memory), new DataView(memory)];
    detach(memory);
    for (const message of messages) expect(refusalOf(message).message).toMatch(/^cannot send: .*detached/);
  });

  test('sends texts as they are, also lone surrogates', () => {
    for (const text of ['', 'é€😀', '\uD800']) expect(toWire(text, 'HTTP')).toBe(text);
  });

  test('sends objects and arrays as JSON.stringify shows them', () => {
    fc.assert(
      fc.property(fc.oneof(fc.object(), fc.array(fc.jsonValue())), (value) => {
        expect(toWire(value, 'HTTP')).toBe(JSON.stringify(value));
      }),
    );
  });

  test('sends whatever JSON toJSON makes of the object', () => {
    expect(toWire({ toJSON: () => ({ a: 1 }) }, 'HTTP')).toBe('{"a":1}');
    expect(toWire({ toJSON: () => 'text' }, 'HTTP')).toBe('"text"');
    expect(toWire({ toJSON: () => null }, 'HTTP')).toBe('null');
    expect(toWire(new Date(0), 'HTTP')).toBe('"1970-01-01T00:00:00.000Z"');
  });

  test('sends a key named __proto__ like any other', () => {
    const object = JSON.parse('{"__proto__":{"a":1},"constructor":2}') as object;
    expect(toWire(object, 'HTTP')).toBe('{"__proto__":{"a":1},"constructor":2}');
  });

  test.each([
    ['undefined', undefined, 'undefined'],
    ['null', null, 'null'],
    ['a number', 5, 'number'],
    ['a boolean', false, 'boolean'],
    ['a bigint', 5n, 'bigint'],
    ['a symbol', Symbol('x'), 'symbol'],
    ['a function', () => 1, 'function'],
    ['a class', FourDError, 'function'],
    ['an object that has no JSON', { toJSON: () => undefined }, 'object'],
    ['an object whose JSON is a function', { toJSON: () => () => 1 }, 'object'],
  ])('refuses %s', (_what, message, name) => {
    expect(refusalOf(message).message).toBe(`cannot send ${name}: pass a string, bytes, an object or an array`);
  });

  test.each([
    ['Map', new Map([['a', 1]])],
    ['Map', new (class Registry extends Map {})()],
    ['Map', runInNewContext('new Map()') as object],
    ['Set', new Set([1])],
    ['WeakMap', new WeakMap()],
    ['WeakSet', new WeakSet()],
    ['WeakRef', new WeakRef({})],
    ['Error', new Error('secret')],
    ['RegExp', /secret/],
    ['URLSearchParams', new URLSearchParams('a=secret')],
    ['Headers', new Headers({ a: 'secret' })],
    ['FormData', new FormData()],
    ['AbortController', new AbortController()],
  ])('refuses an object that would arrive as {}: %s', (name, message) => {
    expect(refusalOf(message).message).toBe(
      `cannot send a value of class ${name}: its content is lost in JSON; pass a string, bytes, an object or an array`,
    );
  });

  test.each([
    ['Blob', new Blob(['secret'])],
    ['File', new File(['secret'], 'secret.txt')],
  ])('refuses a %s, whose bytes are read asynchronously', (name, message) => {
    expect(refusalOf(message).message).toBe(
      `cannot send a ${name}: its bytes are read asynchronously; pass what its arrayBuffer() resolves to`,
    );
  });

  test('sends an object whose JSON is {} because it is empty, or because of its toJSON', () => {
    class Empty {
      readonly a: undefined;
    }
    class Told extends Map<string, number> {
      toJSON(): object {
        return {};
      }
    }
    class Listed extends Map<string, number> {
      toJSON(): unknown {
        return [...this];
      }
    }
    const bare = Object.create(null) as object;
    for (const message of [{}, bare, new Empty(), new Told(), new Proxy({}, {})]) {
      expect(toWire(message, 'HTTP')).toBe('{}');
    }
    expect(toWire(runInNewContext('({})'), 'HTTP')).toBe('{}');
    expect(toWire(new Listed([['a', 1]]), 'HTTP')).toBe('[["a",1]]');
    expect(toWire({ map: new Map([['a', 1]]) }, 'HTTP')).toBe('{"map":{}}');
    expect(toWire(new URL('ws://a'), 'HTTP')).toBe('"ws://a/"');
  });

  test('refuses a promise, with a hint', () => {
    expect(refusalOf(Promise.resolve('x')).message).toContain('is an await missing?');
    expect(refusalOf(withThen(() => {})).message).toContain('is an await missing?');
  });

  test('sends an object that has a property named then', () => {
    expect(toWire(withThen('later'), 'HTTP')).toBe('{"then":"later"}');
  });

  test.each([
    ['a bigint', { n: 1n }],
    ['a cycle', makeCycle()],
    ['a getter that throws', makeUnreadable('a')],
    ['a toJSON that throws', { toJSON: () => throwIt(new Error('not now')) }],
    ['a toJSON that throws a text', { toJSON: () => throwIt('a text') }],
    ['a then that throws', makeUnreadable('then')],
    ['a proxy that was revoked', makeRevoked()],
  ])('refuses an object with %s, and keeps the cause', (_what, message) => {
    const error = refusalOf(message);
    expect(error.message).toMatch(/^cannot send: [^\n]+$/);
    expect(error.cause).toBeDefined();
  });

  test('refuses an object whose error has a message that is not a string', () => {
    const broken = Object.assign(new Error('x'), { message: 5 });
    expect(refusalOf({ toJSON: () => throwIt(broken) }).message).toBe('cannot send: 5');
  });
});

describe('toEventData', () => {
  test('returns the bytes that were passed for "blob"', () => {
    const bytes = hex('00ff');
    expect(toEventData('blob', bytes, false, 'HTTP')).toBe(bytes);
    expect(toEventData('blob', bytes, true, 'HTTP')).toBe(bytes);
  });

  test('returns a string for "text", from either opcode', () => {
    const bytes = Buffer.from('é€😀');
    expect(toEventData('text', 'é€😀', true, 'HTTP')).toBe('é€😀');
    expect(toEventData('text', bytes, true, 'HTTP')).toBe('é€😀');
    expect(toEventData('text', bytes, false, 'HTTP')).toBe('é€😀');
    expect(toEventData('text', Buffer.alloc(0), false, 'HTTP')).toBe('');
  });

  test('keeps a byte order mark', () => {
    expect(toEventData('text', Buffer.from('\uFEFFx'), false, 'HTTP')).toBe('\uFEFFx');
  });

  test('returns the result of JSON.parse for "object"', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.boolean(), (value, isText) => {
        const json = JSON.stringify(value);
        const expected = JSON.parse(json) as unknown;
        expect(toEventData('object', json, isText, 'HTTP')).toEqual(expected);
        expect(toEventData('object', Buffer.from(json), isText, 'HTTP')).toEqual(expected);
      }),
    );
  });

  test('does not set the prototype by a key named __proto__', () => {
    const data = toEventData('object', '{"__proto__":{"isAdmin":true}}', true, 'HTTP') as object;
    expect(Object.getPrototypeOf(data)).toBe(Object.prototype);
    expect(Object.keys(data)).toEqual(['__proto__']);
    expect((data as { isAdmin?: boolean }).isAdmin).toBeUndefined();
    expect(({} as { isAdmin?: boolean }).isAdmin).toBeUndefined();
  });

  test.each([
    ['text', 'ERR_INVALID_UTF8'],
    ['object', 'ERR_INVALID_UTF8'],
  ] as const)('refuses a binary message that is not UTF-8 for "%s"', (dataType, code) => {
    const run = (): unknown => toEventData(dataType, hex('c328'), false, 'HTCL');
    expect(run).toThrow(expect.objectContaining({ code, errCode: 1007, side: 'remote', componentSignature: 'HTCL' }));
  });

  test('refuses a message that is not JSON for "object", without quoting it', () => {
    expect(() => toEventData('object', '{"password":"secret', true, 'HTTP')).toThrow(
      expect.objectContaining({
        code: 'ERR_INVALID_JSON',
        errCode: 1007,
        side: 'remote',
        message: expect.not.stringContaining('secret') as string,
      }),
    );
  });
});

test('checkDataType() accepts the four data types only', () => {
  expect(checkDataType(undefined, 'HTTP')).toBe('text');
  for (const dataType of ['text', 'blob', 'object', 'auto'] as const) {
    expect(checkDataType(dataType, 'HTTP')).toBe(dataType);
    expect(parseServerOptions({ dataType }).limits).toEqual(parseServerOptions({}).limits);
  }
  for (const dataType of ['json', 'Text', '', null, 5]) {
    const error = errorOf(() => checkDataType(dataType, 'HTCL'));
    expect(error.code).toBe('ERR_INVALID_DATA_TYPE');
    expect(error.componentSignature).toBe('HTCL');
    expect(error.message).toBe('invalid dataType: it must be "text", "blob", "object" or "auto"');
    expect(errorOf(() => parseServerOptions({ dataType: dataType as 'text' }).limits).componentSignature).toBe('HTTP');
  }
});
