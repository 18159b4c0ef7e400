import { expect, test } from 'vitest';
import { callHandler, hasCallback } from '../../src/session/call-handler.ts';

class Base {
  onMessage(): string {
    return 'inherited';
  }
}

test.each<[string, object, boolean]>([
  ['a method', { onMessage() {} }, true],
  ['a property that holds a function', { onMessage: () => {} }, true],
  ['an inherited method', new (class extends Base {})(), true],
  ['a getter that returns a function', Object.defineProperty({}, 'onMessage', { get: () => () => {} }), true],
  ['a method of an object without prototype', Object.assign(Object.create(null) as object, { onMessage() {} }), true],
  ['nothing', {}, false],
  ['undefined', { onMessage: undefined }, false],
  ['something that cannot be called', { onMessage: { call() {} } }, false],
  ['another spelling', { onmessage() {} }, false],
])('hasCallback: %s', (_, handler, expected) => {
  expect(hasCallback(handler, 'onMessage')).toBe(expected);
});

test('hasCallback: false for a getter that throws', () => {
  const handler = {
    get onMessage(): never {
      throw new Error('broken');
    },
  };
  expect(hasCallback(handler, 'onMessage')).toBe(false);
});

test('callHandler passes subject and event, with the handler as this, and returns the result of the method', () => {
  const [subject, event] = [{}, {}];
  const handler = {
    onMessage(this: unknown, ...parameters: unknown[]): unknown[] {
      return [this, ...parameters];
    },
  };
  const result = callHandler(handler, 'onMessage', subject, event) as unknown[];
  expect(result).toHaveLength(3);
  expect(result[0]).toBe(handler);
  expect(result[1]).toBe(subject);
  expect(result[2]).toBe(event);
});

test('callHandler looks the method up at each call', () => {
  const handler: { onMessage?: () => string } = {};
  expect(callHandler(handler, 'onMessage', {}, {})).toBeUndefined();
  handler.onMessage = () => 'first';
  expect(callHandler(handler, 'onMessage', {}, {})).toBe('first');
  handler.onMessage = () => 'second';
  expect(callHandler(handler, 'onMessage', {}, {})).toBe('second');
});

test('callHandler throws what the method throws', () => {
  const failure = new Error('broken');
  const handler = {
    onMessage() {
      throw failure;
    },
  };
  expect(() => callHandler(handler, 'onMessage', {}, {})).toThrow(failure);
});
