import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import {
  currentContext,
  isThenable,
  Worker,
  mainWorker,
  type WorkerResource,
  runInContext,
} from '../../src/workers/worker.ts';
import { createDeferred } from '../helpers/deferred.ts';
import { turns } from '../helpers/turns.ts';

/** A worker, and how often it has ended. */
function createWorker(): { worker: Worker; ended: () => number } {
  let count = 0;
  return { worker: new Worker('W', () => count++), ended: () => count };
}

/** Something that a process owns, and how often it was told to close. It gives itself back only when a test says so. */
function createOwned(log: string[], name = 'owned'): WorkerResource {
  return { onWorkerEnding: () => void log.push(`close ${name}`) };
}

describe('messages', () => {
  test('run in a later turn, in order', async () => {
    const { worker } = createWorker();
    const log: number[] = [];
    for (const n of [1, 2, 3]) worker.post(() => log.push(n));
    await Promise.resolve();
    expect(log).toEqual([]);
    await nextTurn();
    expect(log).toEqual([1, 2, 3]);
  });

  test('that a message posts run in a later turn, so that a worker that calls itself lets others run', async () => {
    const { worker } = createWorker();
    let count = 0;
    const again = (): void => {
      count++;
      worker.post(again);
    };
    worker.post(again);
    await nextTurn();
    await nextTurn();
    expect(count).toBeLessThanOrEqual(2);
    worker.kill();
  });

  test('that an asynchronous message posts let the event loop turn too', async () => {
    const { worker } = createWorker();
    let count = 0;
    const again = async (): Promise<void> => {
      count++;
      worker.post(again);
    };
    worker.post(again);
    await nextTurn();
    await nextTurn();
    expect(count).toBeLessThanOrEqual(2);
    worker.kill();
  });

  test('in great numbers take no time for their waiting', async () => {
    const { worker } = createWorker();
    let count = 0;
    for (let i = 0; i < 300_000; i++) worker.post(() => count++);
    const start = performance.now();
    await nextTurn();
    expect(count).toBe(300_000);
    // With a queue that moves what follows, this takes seconds.
    expect(performance.now() - start).toBeLessThan(2000);
  });

  test('wait while the one before them is awaited', async () => {
    const { worker } = createWorker();
    const gate = createDeferred();
    const log: string[] = [];
    worker.post(() => gate.promise.then(() => log.push('first')));
    worker.post(() => log.push('second'));
    await turns();
    expect(log).toEqual([]);
    expect(worker.isBusy).toBe(true);
    gate.resolve();
    await turns();
    expect(log).toEqual(['first', 'second']);
    expect(worker.isBusy).toBe(false);
  });
});

describe('tasks', () => {
  test('run at once when the worker is idle, and tell when they are over', () => {
    const { worker } = createWorker();
    const log: string[] = [];
    worker.runTask(
      () => log.push('run'),
      () => log.push('done'),
    );
    expect(log).toEqual(['run', 'done']);
  });

  test('wait for messages that were posted before', async () => {
    const { worker } = createWorker();
    const log: string[] = [];
    worker.post(() => log.push('message'));
    worker.runTask(() => log.push('task'));
    expect(log).toEqual([]);
    await nextTurn();
    expect(log).toEqual(['message', 'task']);
  });

  test('wait for the task that runs', async () => {
    const { worker } = createWorker();
    const gate = createDeferred();
    const log: string[] = [];
    worker.runTask(
      () => gate.promise,
      () => log.push('first is done'),
    );
    worker.runTask(() => log.push('second'));
    await turns();
    expect(log).toEqual([]);
    gate.resolve();
    await turns();
    expect(log).toEqual(['first is done', 'second']);
  });

  test('that add the next one when they are done do not make the stack grow', async () => {
    const { worker } = createWorker();
    let count = 0;
    const over = createDeferred();
    const next = (): void => {
      count++;
      if (count < 100_000) worker.runTask(() => {}, next);
      else over.resolve();
    };
    // As a thousand sockets do that each have something waiting.
    worker.post(() => {});
    for (let i = 0; i < 1000; i++) worker.runTask(() => {}, next);
    await over.promise;
    expect(count).toBeGreaterThanOrEqual(100_000);
  });

  test('go in front of all that waits with runTaskFirst', async () => {
    const { worker } = createWorker();
    const log: string[] = [];
    worker.post(() => log.push('message'));
    worker.runTaskFirst(
      () => log.push('first'),
      () => log.push('done'),
    );
    expect(log).toEqual(['first', 'done']);
    await nextTurn();
    expect(log).toEqual(['first', 'done', 'message']);
  });

  test('that go first keep what waits waiting while they are awaited', async () => {
    const { worker } = createWorker();
    const gate = createDeferred();
    const log: string[] = [];
    worker.post(() => log.push('message'));
    worker.runTaskFirst(
      () => gate.promise,
      () => log.push('done'),
    );
    await turns();
    expect(log).toEqual([]);
    gate.resolve();
    await turns();
    expect(log).toEqual(['done', 'message']);
  });
});

describe('the end', () => {
  test('of a worker that owns nothing comes in the next turn', async () => {
    const { worker, ended } = createWorker();
    worker.kill();
    expect(worker.isEnding).toBe(true);
    expect(ended()).toBe(0);
    await nextTurn();
    expect(ended()).toBe(1);
    worker.kill();
    await turns();
    expect(ended()).toBe(1);
  });

  test('drops messages and keeps tasks', async () => {
    const { worker, ended } = createWorker();
    const log: string[] = [];
    worker.post(() => log.push('message'));
    worker.runTask(() => log.push('task'));
    worker.post(() => log.push('message'));
    worker.kill();
    await turns();
    expect(log).toEqual(['task']);
    expect(ended()).toBe(1);
  });

  test('waits for the running message, closes what is owned, and waits for that', async () => {
    const { worker, ended } = createWorker();
    const log: string[] = [];
    const owned = createOwned(log);
    const gate = createDeferred();
    worker.post(async () => {
      await gate.promise;
      worker.own(owned);
      log.push('message');
    });
    await turns();
    worker.kill();
    await turns();
    expect(log).toEqual([]);
    gate.resolve();
    await turns();
    expect(log).toEqual(['message', 'close owned']);
    expect(ended()).toBe(0);
    worker.disown(owned);
    await turns();
    expect(ended()).toBe(1);
  });

  test('closes what is owned in front of tasks that wait: busy sockets cannot put it off', async () => {
    const { worker } = createWorker();
    const log: string[] = [];
    let isClosed = false;
    const owned: WorkerResource = {
      onWorkerEnding() {
        isClosed = true;
        log.push('close');
      },
    };
    worker.own(owned);
    // A socket whose next callback always waits already.
    const busy = (): void => worker.runTask(() => nextTurn(), isClosed ? () => worker.disown(owned) : busy);
    busy();
    busy();
    await turns();
    worker.kill();
    await turns();
    expect(log).toEqual(['close']);
  });

  test('closes what is created during the end, too', async () => {
    const { worker, ended } = createWorker();
    const log: string[] = [];
    const [first, second] = [createOwned(log, 'first'), createOwned(log, 'second')];
    worker.own(first);
    worker.kill();
    await turns();
    worker.runTask(() => worker.own(second));
    worker.disown(first);
    expect(log).toEqual(['close first']);
    await turns();
    expect(log).toEqual(['close first', 'close second']);
    expect(ended()).toBe(0);
    worker.disown(second);
    await turns();
    expect(ended()).toBe(1);
  });

  test('closes what code of a worker that has ended creates', async () => {
    const { worker, ended } = createWorker();
    worker.kill();
    await turns();
    const log: string[] = [];
    const owned = createOwned(log);
    worker.own(owned);
    await turns();
    worker.disown(owned);
    await turns();
    expect(log).toEqual(['close owned']);
    expect(ended()).toBe(1);
  });

  test('never comes for the main process', async () => {
    const main = new Worker('main', undefined);
    const log: string[] = [];
    main.own(createOwned(log));
    main.post(() => log.push('dropped'));
    main.kill();
    main.post(() => log.push('kept'));
    await turns();
    expect(log).toEqual(['kept']);
    expect([main.isMain, main.isEnding]).toEqual([true, false]);
  });

  test('a second kill by another process drops what was sent to the successor, one by the worker itself does not', async () => {
    const { worker } = createWorker();
    const gate = createDeferred();
    worker.post(() => gate.promise.then(() => worker.kill()));
    await turns();
    worker.kill();
    worker.messagesForSuccessor.push(() => {});
    gate.resolve();
    await turns();
    expect(worker.messagesForSuccessor).toHaveLength(1);
    worker.kill();
    expect(worker.messagesForSuccessor).toHaveLength(0);
  });
});

describe('the context', () => {
  test('of code that nobody entered is the main process', () => {
    expect(currentContext()).toBe(mainWorker.context);
    expect(mainWorker.isCurrent).toBe(true);
    expect(mainWorker.enter(currentContext)).toBe(mainWorker.context);
  });

  test('follows the code across awaits, timers and promise chains', async () => {
    const { worker } = createWorker();
    const names: string[] = [];
    const seen = (): void => void names.push(currentContext().worker.name);
    await worker.enter(async () => {
      seen();
      await Promise.resolve();
      seen();
      await new Promise((resolve) => setTimeout(resolve, 1));
      seen();
      await new Promise((resolve) => process.nextTick(resolve));
      seen();
      await Promise.resolve().then(seen).finally(seen);
      await Promise.all([nextTurn().then(seen), new Promise<void>((resolve) => queueMicrotask(resolve)).then(seen)]);
    });
    expect(names).toEqual(Array.from({ length: 8 }, () => 'W'));
    expect(currentContext()).toBe(mainWorker.context);
  });

  test('of the main process can be entered from a worker', () => {
    const { worker } = createWorker();
    const context = worker.enter(() => {
      expect(worker.isCurrent).toBe(true);
      expect(mainWorker.isCurrent).toBe(false);
      return mainWorker.enter(currentContext);
    });
    expect(context).toBe(mainWorker.context);
  });

  test('of a process is not that of a tryExpr in it', () => {
    const attempt = { errors: [], outer: undefined, isOver: false };
    runInContext({ worker: mainWorker, attempt }, () => {
      expect(mainWorker.isCurrent).toBe(false);
      expect(currentContext().attempt).toBe(attempt);
      expect(mainWorker.enter(() => currentContext().attempt)).toBeUndefined();
    });
  });
});

test.each([
  [undefined, false],
  [null, false],
  [0, false],
  ['then', false],
  [{}, false],
  // oxlint-disable-next-line unicorn/no-thenable -- what is tested
  [{ then: 1 }, false],
  [() => {}, false],
  // oxlint-disable-next-line unicorn/no-thenable -- what is tested
  [{ then() {} }, true],
  [Promise.resolve(), true],
])('isThenable(%o) is %s', (value, expected) => {
  expect(isThenable(value)).toBe(expected);
});
