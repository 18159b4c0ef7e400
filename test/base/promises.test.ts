import { describe, expect, test } from 'vitest';
import { follow, ignoreRejection, onRejection } from '../../src/base/promises.ts';
import { createDeferred } from '../helpers/deferred.ts';
import { thenable } from '../helpers/hostile-values.ts';
import { turns } from '../helpers/turns.ts';

describe('onRejection', () => {
  test('reports the reason of a promise that rejects, and nothing of one that does not', async () => {
    const reasons: unknown[] = [];
    const report = (reason: unknown): void => void reasons.push(reason);
    onRejection(Promise.reject(new Error('why')), report);
    onRejection(Promise.resolve('fine'), report);
    await turns(1);
    expect(reasons).toEqual([new Error('why')]);
  });

  test('does not call a then that user code has put on a promise', async () => {
    const reasons: unknown[] = [];
    const then = thenable(() => {
      throw new Error('called');
    });
    const promise = Object.assign(Promise.reject(new Error('why')), then);
    onRejection(promise, (reason) => reasons.push(reason));
    await turns(1);
    expect(reasons).toEqual([new Error('why')]);
  });

  test('leaves every other value alone, thenables too', () => {
    let isCalled = false;
    const lazy = thenable(() => {
      isCalled = true;
    });
    for (const value of [undefined, null, 5, 'text', {}, lazy]) onRejection(value, () => {});
    expect(isCalled).toBe(false);
  });
});

test('ignoreRejection() ignores the rejection of a promise that is a reason, too', async () => {
  const caught: unknown[] = [];
  const onUnhandled = (reason: unknown): void => void caught.push(reason);
  const listeners = process.rawListeners('unhandledRejection');
  process.removeAllListeners('unhandledRejection');
  process.on('unhandledRejection', onUnhandled);
  ignoreRejection(Promise.reject(Promise.reject(new Error('why'))));
  await turns(3);
  process.off('unhandledRejection', onUnhandled);
  for (const listener of listeners) process.on('unhandledRejection', listener as () => void);
  expect(caught).toEqual([]);
});

describe('follow', () => {
  test('returns a promise as it is', () => {
    const promise = Promise.resolve();
    expect(follow(promise)).toBe(promise);
  });

  test('settles once, and calls then once', async () => {
    let count = 0;
    const value = thenable((resolve, reject) => {
      count++;
      resolve('first');
      reject(new Error('second'));
      throw new Error('third');
    });
    expect(await follow(value as PromiseLike<unknown>)).toBe('first');
    expect(count).toBe(1);
  });

  test.each([
    [
      'calls back within then',
      (reject: (reason: unknown) => void) => {
        reject(new Error('why'));
      },
    ],
    [
      'throws',
      () => {
        throw new Error('why');
      },
    ],
    ['is asynchronous and rejects', () => Promise.reject(new Error('why'))],
  ])('rejects when then %s', async (_, fail) => {
    const value = thenable((_resolve, reject) => fail(reject));
    await expect(follow(value as PromiseLike<unknown>)).rejects.toThrow('why');
  });

  test('settles as a promise does that the thenable resolves to', async () => {
    const gate = createDeferred<string>();
    const value = thenable((resolve) => resolve(gate.promise));
    const result = follow(value as PromiseLike<unknown>);
    gate.resolve('later');
    expect(await result).toBe('later');
  });
});
