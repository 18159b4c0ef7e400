import { inspect } from 'node:util';
import { FourDError } from '../../src/errors.ts';

/** A value that throws, or does other harm, when code touches it. */
export interface HostileValue {
  readonly name: string;
  /** Makes a fresh value, because some can be used only once. */
  readonly make: () => unknown;
}

/** What the members of hostile values throw: it is hostile itself. */
function boom(): never {
  throw new Proxy(
    {},
    allTraps(() => undefined),
  );
}

/** Returns a Proxy handler whose every trap calls `act`. */
function allTraps(act: () => unknown): ProxyHandler<object> {
  const names = Object.getOwnPropertyNames(Reflect);
  return Object.fromEntries(names.map((name) => [name, act]));
}

/** Returns a Proxy that throws whatever is done with it. */
export function throwingProxy(target: object = {}): object {
  return new Proxy(target, allTraps(boom));
}

export function revokedProxy(target: object = {}): object {
  const { proxy, revoke } = Proxy.revocable(target, {});
  revoke();
  return proxy;
}

/** Returns the object with a getter that throws. */
export function withThrowingGetter<T extends object>(object: T, name: PropertyKey): T {
  return Object.defineProperty(object, name, { get: boom, configurable: true, enumerable: true });
}

function withMember(name: PropertyKey, value: unknown): object {
  return { [name]: value };
}

/** Returns an object that is awaited as if it were a promise. */
export function thenable(
  then: (resolve: (value: unknown) => void, reject: (reason: unknown) => void) => unknown,
): object {
  return withMember('then', then);
}

/** Returns a promise that looks like no thenable. */
export function withoutThen(promise: Promise<unknown>): object {
  return Object.assign(promise, withMember('then', undefined));
}

class ErrorWithThrowingItem extends FourDError {
  override get item(): never {
    return boom();
  }
}

/** A second copy of the library, as when two packages bring their own. */
const secondCopyPath = '../../src/errors.ts?second-copy';
const secondCopy = (await import(/* @vite-ignore */ secondCopyPath)) as {
  readonly FourDError: typeof FourDError;
};

const primitives: readonly HostileValue[] = [
  { name: 'undefined', make: () => undefined },
  { name: 'null', make: () => null },
  { name: 'a number', make: () => 5 },
  { name: 'a bigint', make: () => 5n },
  { name: 'an empty text', make: () => '' },
  { name: 'a symbol', make: () => Symbol('hostile') },
];

export const hostileObjects: readonly HostileValue[] = [
  { name: 'a function that throws', make: () => boom },
  { name: 'an Error', make: () => new Error('hostile') },
  { name: 'a frozen Error', make: () => Object.freeze(new Error('hostile')) },
  ...['message', 'stack', 'name', 'cause', 'toString', 'constructor', Symbol.toStringTag, 'code', 'errors'].map(
    (name): HostileValue => ({
      name: `an Error whose ${String(name)} throws`,
      make: () => withThrowingGetter(new Error('hostile'), name),
    }),
  ),
  {
    name: 'an Error whose prototype is a Proxy that throws',
    make: () => Object.setPrototypeOf(new Error('hostile'), throwingProxy()) as object,
  },
  {
    name: 'an Error whose prototype is a revoked Proxy',
    make: () => Object.setPrototypeOf(new Error('hostile'), revokedProxy()) as object,
  },
  { name: 'a Proxy of an Error that throws', make: () => throwingProxy(new Error('hostile')) },
  {
    name: 'an AggregateError with hostile errors',
    make: () => new AggregateError([throwingProxy(), undefined, withThrowingGetter(new Error('x'), 'message')], ''),
  },
  { name: 'a FourDError', make: () => new FourDError('ERR_INVALID_URL', 'hostile') },
  { name: 'a frozen FourDError', make: () => Object.freeze(new FourDError('ERR_INVALID_URL', 'hostile')) },
  ...['message', 'errCode', 'code', 'item', 'endCause', 'phase', 'componentSignature'].map((name): HostileValue => ({
    name: `a FourDError whose ${name} throws`,
    make: () => withThrowingGetter(new FourDError('ERR_INVALID_URL', 'hostile'), name),
  })),
  { name: 'a FourDError of a class that overrides item', make: () => new ErrorWithThrowingItem('ERR_INVALID_URL', '') },
  { name: 'an object with the prototype of FourDError', make: () => Object.create(FourDError.prototype) as object },
  { name: 'a Proxy of a FourDError', make: () => new Proxy(new FourDError('ERR_INVALID_URL', 'hostile'), {}) },
  {
    name: 'a Proxy of a FourDError that throws',
    make: () => throwingProxy(new FourDError('ERR_INVALID_URL', 'hostile')),
  },
  { name: 'a FourDError of a second copy', make: () => new secondCopy.FourDError('ERR_INVALID_URL', 'hostile') },
  { name: 'a Proxy that throws', make: () => throwingProxy() },
  { name: 'a revoked Proxy', make: () => revokedProxy() },
  { name: 'a revoked Proxy of a function', make: () => revokedProxy(() => {}) },
  { name: 'a revoked Proxy of an array', make: () => revokedProxy([]) },
  { name: 'an object without prototype', make: () => Object.create(null) as object },
  ...[Symbol.toPrimitive, 'toString', 'valueOf', 'toJSON', 'then', inspect.custom, Symbol.iterator, 'length'].map(
    (name): HostileValue => ({
      name: `an object whose ${String(name)} throws`,
      make: () => withMember(name, boom),
    }),
  ),
  ...['then', 'onMessage', 'toJSON', 'constructor', Symbol.toStringTag].map((name): HostileValue => ({
    name: `an object with a getter ${String(name)} that throws`,
    make: () => withThrowingGetter({}, name),
  })),
  { name: 'a promise that rejects', make: () => Promise.reject(new Error('hostile')) },
  {
    name: 'a promise that rejects, without then',
    make: () => withoutThen(Promise.reject(new Error('hostile'))),
  },
  {
    name: 'a promise whose own then throws',
    make: () => Object.assign(Promise.resolve(), withMember('then', boom)),
  },
];

/** Values of every kind that user code can throw, return or pass. */
export const hostileValues: readonly HostileValue[] = [...primitives, ...hostileObjects];

/** Values that user code can throw: when the message of an error is read, a promise in it is not to be left alone. */
export const thrownValues: readonly HostileValue[] = [
  ...hostileValues,
  {
    name: 'an Error whose message is a promise that rejects',
    make: () => Object.assign(new Error('hostile'), { message: Promise.reject(new Error('hostile')) }),
  },
];
