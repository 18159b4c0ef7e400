import { format, inspect } from 'node:util';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { FourDError } from '../../src/errors.ts';
import {
  ek,
  generateError,
  lastErrors,
  onErrCall,
  reportError,
  throwError,
  tryExpr,
} from '../../src/workers/error-handling.ts';
import { Worker, mainWorker } from '../../src/workers/worker.ts';
import { createDeferred } from '../helpers/deferred.ts';
import { recordErrors } from '../helpers/error-handlers.ts';
import { withThrowingGetter } from '../helpers/hostile-values.ts';
import { turns } from '../helpers/turns.ts';

const error = (n: number): FourDError => new FourDError('ERR_THROWN', `error ${n}`, { errCode: n });
const item = (n: number): object => ({ errCode: n, message: `error ${n}`, componentSignature: 'host' });

function createWorker(name = 'W'): Worker {
  return new Worker(name, () => {});
}

function throwing(): never {
  throw new RangeError('again');
}

afterEach(() => {
  onErrCall(null);
  onErrCall(null, ek.global);
  mainWorker.lastErrors = null;
});

describe('generateError', () => {
  test('lets tryExpr keep the error, before any handler', () => {
    const [local, global] = [recordErrors(), recordErrors(ek.global)];
    const value = tryExpr(() => generateError(error(1), null));
    expect(value).toBeNull();
    expect(lastErrors()).toEqual([item(1)]);
    expect([local, global]).toEqual([[], []]);
  });

  test('calls the local handler, before the global handler', () => {
    const [local, global] = [recordErrors(), recordErrors(ek.global)];
    expect(generateError(error(1), null)).toBeNull();
    expect([local, global]).toEqual([[[item(1)]], []]);
  });

  test('calls the global handler when there is no local handler', () => {
    const global = recordErrors(ek.global);
    expect(generateError(error(1), null)).toBeNull();
    expect(global).toEqual([[item(1)]]);
  });

  test('throws the error when there is no handler', () => {
    const thrown = error(1);
    expect(() => generateError(thrown, null)).toThrow(thrown);
    expect(lastErrors()).toBeNull();
  });
});

describe('throwError', () => {
  test('passes code and text to the handler, and returns undefined', () => {
    const calls = recordErrors();
    expect(throwError(-42, 'mine')).toBeUndefined();
    expect(calls).toEqual([[{ errCode: -42, message: 'mine', componentSignature: 'host' }]]);
  });

  test('throws a FourDError when there is no handler', () => {
    expect(() => throwError(-42, 'mine')).toThrow(
      expect.objectContaining({ name: 'FourDError', code: 'ERR_THROWN', errCode: -42, message: 'mine' }) as Error,
    );
  });

  test('describes a text, and a code, of any other type', () => {
    const calls = recordErrors();
    throwError('1' as never, Symbol('mine') as never);
    expect(calls).toEqual([[{ errCode: -1, message: 'Symbol(mine)', componentSignature: 'host' }]]);
  });

  test('depends on the context: tryExpr, a worker with a handler, a worker without', () => {
    const seen: unknown[] = [];
    const [handled, bare] = [createWorker(), createWorker()];
    handled.enter(() => onErrCall((errors) => seen.push(errors)));
    expect(handled.enter(() => throwError(1, 'error 1'))).toBeUndefined();
    expect(seen).toEqual([[item(1)]]);
    expect(() => bare.enter(() => throwError(2, 'error 2'))).toThrow('error 2');
    expect(bare.enter(() => tryExpr(() => throwError(3, 'error 3')))).toBeUndefined();
    expect(bare.lastErrors).toEqual([item(3)]);
    expect(lastErrors()).toBeNull();
  });
});

describe('an error handler', () => {
  test('sees its errors in lastErrors() while it runs, and lastErrors() is null afterwards', () => {
    const seen: unknown[] = [];
    onErrCall((errors) => seen.push(errors, lastErrors()));
    generateError(error(1), null);
    expect(seen).toEqual([[item(1)], [item(1)]]);
    expect(lastErrors()).toBeNull();
  });

  test('that throws makes the failing call throw the same error', () => {
    onErrCall(() => {
      throw new RangeError('handler failed');
    });
    expect(() => generateError(error(1), null)).toThrow(RangeError);
    expect(lastErrors()).toBeNull();
    onErrCall(null);
    expect(() => generateError(error(2), null)).toThrow('error 2');
  });

  test('is not called for errors within it, which are thrown there', () => {
    const calls: unknown[] = [];
    onErrCall((errors) => {
      calls.push(errors);
      expect(() => throwError(2, 'error 2')).toThrow('error 2');
      expect(lastErrors()).toEqual(errors);
    });
    expect(generateError(error(1), null)).toBeNull();
    expect(calls).toEqual([[item(1)]]);
    generateError(error(3), null);
    expect(calls).toEqual([[item(1)], [item(3)]]);
  });

  test('may use tryExpr', () => {
    let value: unknown = 'untouched';
    onErrCall(() => {
      value = tryExpr(() => throwError(2, 'error 2'));
    });
    expect(generateError(error(1), null)).toBeNull();
    expect(value).toBeUndefined();
  });

  test('that rejects is printed', async () => {
    const printed = vi.spyOn(console, 'error').mockImplementation(() => {});
    const failure = new RangeError('handler failed');
    // oxlint-disable-next-line typescript/no-misused-promises -- the test is about this mistake
    onErrCall(() => Promise.reject(failure));
    expect(generateError(error(1), null)).toBeNull();
    await turns();
    expect(printed.mock.calls).toEqual([[failure]]);
    printed.mockRestore();
  });

  test.each([null, ''] as const)('is removed by %j, in the named scope only', (nothing) => {
    const local = recordErrors();
    const global = recordErrors(ek.global);
    onErrCall(nothing, ek.global);
    generateError(error(1), null);
    expect(local).toHaveLength(1);
    onErrCall(nothing);
    expect(() => generateError(error(2), null)).toThrow('error 2');
    expect(global).toEqual([]);
  });
});

describe('reportError', () => {
  test('calls the handler of the worker, within that worker', () => {
    const worker = createWorker();
    const seen: unknown[] = [];
    worker.enter(() => onErrCall((errors) => seen.push(errors, lastErrors())));
    reportError(error(1), worker);
    expect(seen).toEqual([[item(1)], [item(1)]]);
  });

  test('is not kept by a tryExpr around it', () => {
    const calls = recordErrors();
    tryExpr(() => reportError(error(1), mainWorker));
    expect(calls).toEqual([[item(1)]]);
    expect(lastErrors()).toBeNull();
  });

  test('prints the error when there is no handler', () => {
    const printed = vi.spyOn(console, 'error').mockImplementation(() => {});
    const reported = error(1);
    reportError(reported, mainWorker);
    expect(printed.mock.calls).toEqual([[reported]]);
    printed.mockRestore();
  });

  test('prints what a handler throws', () => {
    const printed = vi.spyOn(console, 'error').mockImplementation(() => {});
    const failure = new RangeError('handler failed');
    onErrCall(() => {
      throw failure;
    });
    reportError(error(1), mainWorker);
    expect(printed.mock.calls).toEqual([[failure]]);
    printed.mockRestore();
  });

  test.each([
    ['inspect', { [inspect.custom]: () => throwing() }, /^\[object Object\]$/],
    ['stack', withThrowingGetter(new Error('broken'), 'stack'), /^(broken|\[Error: broken\])$/],
    ['message', withThrowingGetter(new Error('broken'), 'message'), /^a value that cannot be shown as text$|Getter/],
  ])('prints the text of a value whose %s throws', (_, thrown, text) => {
    // The console of Node 20 throws what it meets while it prints; later ones print around it.
    const calls: string[] = [];
    const printed = vi.spyOn(console, 'error').mockImplementation((...values) => void calls.push(format(...values)));
    onErrCall(() => {
      throw thrown;
    });
    reportError(error(1), mainWorker);
    printed.mockRestore();
    expect(calls).toEqual([expect.stringMatching(text)]);
  });

  test('does not throw when the console itself does', () => {
    const printed = vi.spyOn(console, 'error').mockImplementation(throwing);
    reportError(error(1), mainWorker);
    expect(printed.mock.calls).toEqual([[error(1)], ['error 1']]);
    printed.mockRestore();
  });

  test('prints an error that is reported while a handler runs, instead of calling the handler again', () => {
    const printed = vi.spyOn(console, 'error').mockImplementation(() => {});
    const nested = error(2);
    let count = 0;
    onErrCall(() => {
      count++;
      reportError(nested, mainWorker);
    });
    reportError(error(1), mainWorker);
    expect(count).toBe(1);
    expect(printed.mock.calls).toEqual([[nested]]);
    printed.mockRestore();
  });
});

describe('tryExpr', () => {
  test('returns the value of an expression that succeeds', async () => {
    expect(tryExpr(() => 'value')).toBe('value');
    expect(await tryExpr(() => Promise.resolve('value'))).toBe('value');
    expect(lastErrors()).toBeNull();
  });

  test.each([
    ['an Error', new TypeError('plain'), { errCode: -1, message: 'plain', componentSignature: 'host' }],
    ['a FourDError', error(5), item(5)],
    ['a text', 'text', { errCode: -1, message: 'text', componentSignature: 'host' }],
    ['undefined', undefined, { errCode: -1, message: 'undefined', componentSignature: 'host' }],
    [
      'an object that is no text',
      Object.create(null) as object,
      { errCode: -1, message: 'a value that cannot be shown as text', componentSignature: 'host' },
    ],
  ])('returns undefined when %s is thrown, at once or by a rejection', async (_, thrown: unknown, expected) => {
    const now = tryExpr((): string => {
      throw thrown;
    });
    expect(now).toBeUndefined();
    expect(lastErrors()).toEqual([expected]);
    const later = await tryExpr(() => Promise.reject(thrown));
    expect(later).toBeUndefined();
    expect(lastErrors()).toEqual([expected]);
  });

  test('keeps several errors, the latest first, and lets the code go on', () => {
    const value = tryExpr(() => {
      generateError(error(1), null);
      expect(lastErrors()).toEqual([item(1)]);
      generateError(error(2), null);
      throw error(3);
    });
    expect(value).toBeUndefined();
    expect(lastErrors()).toEqual([item(3), item(2), item(1)]);
  });

  test('forgets the errors of the previous tryExpr', () => {
    tryExpr(() => throwError(1, 'error 1'));
    expect(lastErrors()).toEqual([item(1)]);
    tryExpr(() => {
      expect(lastErrors()).toBeNull();
    });
    expect(lastErrors()).toBeNull();
  });

  test('nested: the inner tryExpr keeps its errors, and the outer tryExpr has only its own at the end', () => {
    tryExpr(() => {
      throwError(1, 'error 1');
      tryExpr(() => throwError(2, 'error 2'));
      expect(lastErrors()).toEqual([item(2)]);
      tryExpr(() => 'no error');
    });
    expect(lastErrors()).toEqual([item(1)]);
  });

  test('nested: leaves no error when only the inner tryExpr failed', () => {
    tryExpr(() => tryExpr(() => throwError(2, 'error 2')));
    expect(lastErrors()).toBeNull();
  });

  test('keeps errors that are generated after an await in its expression', async () => {
    const value = await tryExpr(async () => {
      await turns(2);
      generateError(error(1), null);
      await turns(2);
      return 'went on';
    });
    expect(value).toBe('went on');
    expect(lastErrors()).toEqual([item(1)]);
  });

  test('that is over keeps no more errors of code that it started', async () => {
    const calls = recordErrors();
    const gate = createDeferred();
    let late: Promise<void> | undefined;
    tryExpr(() => {
      late = gate.promise.then(() => throwError(1, 'error 1'));
    });
    gate.resolve();
    await late;
    expect(calls).toEqual([[item(1)]]);
    expect(lastErrors()).toBeNull();
  });

  test('that is over leaves such errors to the tryExpr around it', async () => {
    const gate = createDeferred();
    await tryExpr(async () => {
      let late: Promise<void> | undefined;
      tryExpr(() => {
        late = gate.promise.then(() => throwError(1, 'error 1'));
      });
      gate.resolve();
      await late;
    });
    expect(lastErrors()).toEqual([item(1)]);
  });

  test('in two workers at the same time keeps their errors apart', async () => {
    const gates = [createDeferred(), createDeferred()];
    const workers = [createWorker('one'), createWorker('two')];
    const results = workers.map((worker, i) =>
      worker.enter(async () => {
        await tryExpr(async () => {
          throwError(10 + i, `error ${10 + i}`);
          await gates[i]!.promise;
          throwError(20 + i, `error ${20 + i}`);
        });
        return lastErrors();
      }),
    );
    gates[1]!.resolve();
    await turns();
    expect(workers[0]!.lastErrors).toEqual([item(10)]);
    gates[0]!.resolve();
    expect(await Promise.all(results)).toEqual([
      [item(20), item(10)],
      [item(21), item(11)],
    ]);
    expect(lastErrors()).toBeNull();
  });

  test('several times at once in one worker: each has its own errors when it is over', async () => {
    const gates = [createDeferred(), createDeferred(), createDeferred()];
    const results = gates.map(async ({ promise }, i) => {
      await tryExpr(async () => {
        await promise;
        if (i < 2) throwError(i, `error ${i}`);
      });
      return lastErrors();
    });
    for (const i of [1, 2, 0]) {
      gates[i]!.resolve();
      await turns();
    }
    expect(await Promise.all(results)).toEqual([[item(0)], [item(1)], null]);
  });
});
