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
import { timers } from '../../src/base/timers.ts';
import { createDeferred } from '../helpers/deferred.ts';
import { useFakeClock } from '../helpers/fake-clock.ts';
import { turns } from '../helpers/turns.ts';

/** Creates a worker. `ended` tells how often the worker has ended. */
function createWorker(): { worker: Worker; ended: () => number } {
  let count = 0;
  return { worker: new Worker('W', () => count++), ended: () => count };
}

/** Creates a resource that logs when it is told to close, and when it is to be cut. Only tests call `disown` for it. */
function createResource(log: string[], name = 'resource'): WorkerResource {
  return {
    onWorkerEnding: () => void log.push(`close ${name}`),
    onWorkerOverdue: () => void log.push(`cut ${name}`),
  };
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

  test('that a message posts run in a later turn, so that other code can run in between', async () => {
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

  test('that an asynchronous message posts run in a later turn too', async () => {
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

  test('run in linear time', async () => {
    const { worker } = createWorker();
    let count = 0;
    for (let i = 0; i < 300_000; i++) worker.post(() => count++);
    const start = performance.now();
    await nextTurn();
    expect(count).toBe(300_000);
    // A queue that moves all later items on each shift takes seconds for this.
    expect(performance.now() - start).toBeLessThan(2000);
  });

  test('wait while the message before them is awaited', async () => {
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
  test('run at once when the worker is idle, and call done', () => {
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

  test('that add the next task when they are done do not make the stack grow', async () => {
    const { worker } = createWorker();
    let count = 0;
    const over = createDeferred();
    const next = (): void => {
      count++;
      if (count < 100_000) worker.runTask(() => {}, next);
      else over.resolve();
    };
    // The load of a thousand sockets that each have a callback waiting.
    worker.post(() => {});
    for (let i = 0; i < 1000; i++) worker.runTask(() => {}, next);
    await over.promise;
    expect(count).toBeGreaterThanOrEqual(100_000);
  });

  test('run before all waiting tasks with runTaskFirst', async () => {
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

  test('of runTaskFirst make waiting tasks wait while they are awaited', async () => {
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
  test('of a worker without resources comes in the next turn', async () => {
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

  test('waits for the running message, closes the resources, and waits until they are closed', async () => {
    const { worker, ended } = createWorker();
    const log: string[] = [];
    const resource = createResource(log);
    const gate = createDeferred();
    worker.post(async () => {
      await gate.promise;
      worker.own(resource);
      log.push('message');
    });
    await turns();
    worker.kill();
    await turns();
    expect(log).toEqual([]);
    gate.resolve();
    await turns();
    expect(log).toEqual(['message', 'close resource']);
    expect(ended()).toBe(0);
    worker.disown(resource);
    await turns();
    expect(ended()).toBe(1);
  });

  test('closes the resources before waiting tasks run, so that busy sockets cannot delay it', async () => {
    const { worker } = createWorker();
    const log: string[] = [];
    let isClosed = false;
    const resource: WorkerResource = {
      onWorkerEnding() {
        isClosed = true;
        log.push('close');
      },
      onWorkerOverdue() {},
    };
    worker.own(resource);
    // The next callback of this socket is always waiting.
    const busy = (): void => worker.runTask(() => nextTurn(), isClosed ? () => worker.disown(resource) : busy);
    busy();
    busy();
    await turns();
    worker.kill();
    await turns();
    expect(log).toEqual(['close']);
  });

  test('closes resources that are created during the end', async () => {
    const { worker, ended } = createWorker();
    const log: string[] = [];
    const [first, second] = [createResource(log, 'first'), createResource(log, 'second')];
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

  test('closes resources that code of an ended worker creates', async () => {
    const { worker, ended } = createWorker();
    worker.kill();
    await turns();
    const log: string[] = [];
    const resource = createResource(log);
    worker.own(resource);
    await turns();
    worker.disown(resource);
    await turns();
    expect(log).toEqual(['close resource']);
    expect(ended()).toBe(1);
  });

  test('cuts resources that are not closed 2 s after the kill', async () => {
    const clock = useFakeClock();
    const { worker, ended } = createWorker();
    const log: string[] = [];
    const [first, second] = [createResource(log, 'first'), createResource(log, 'second')];
    worker.own(first);
    worker.own(second);
    worker.kill();
    await turns();
    worker.disown(first);
    await clock.advance(1999);
    expect(log).toEqual(['close first', 'close second']);
    await clock.advance(51);
    expect(log).toEqual(['close first', 'close second', 'cut second']);
    worker.disown(second);
    await turns();
    expect(ended()).toBe(1);
    expect(timers.pendingTicks).toBe(0);
  });

  test('closes the resources 2 s after the kill even while a message runs, and cuts them right after', async () => {
    const clock = useFakeClock();
    const { worker, ended } = createWorker();
    const log: string[] = [];
    const [early, late] = [createResource(log, 'early'), createResource(log, 'late')];
    const gate = createDeferred();
    worker.own(early);
    worker.post(() => gate.promise);
    await turns();
    worker.kill();
    await clock.advance(1999);
    expect(log).toEqual([]);
    await clock.advance(51);
    expect(log).toEqual(['close early']);
    await clock.advance(150);
    expect(log).toEqual(['close early', 'cut early']);
    // The message still runs, and may create more.
    worker.own(late);
    await turns();
    expect(log.slice(2)).toEqual(['close late']);
    await clock.advance(2050);
    expect(log.slice(3)).toEqual(['cut early', 'cut late']);
    worker.disown(early);
    worker.disown(late);
    await turns();
    expect(ended()).toBe(0);
    gate.resolve();
    await turns();
    expect(ended()).toBe(1);
    expect(timers.pendingTicks).toBe(0);
  });

  test('leaves peers the rest of the 2 s when a message has taken a part of it', async () => {
    const clock = useFakeClock();
    const { worker } = createWorker();
    const log: string[] = [];
    const gate = createDeferred();
    const resource = createResource(log);
    worker.own(resource);
    worker.post(() => gate.promise);
    await turns();
    worker.kill();
    await clock.advance(1500);
    gate.resolve();
    await turns();
    expect(log).toEqual(['close resource']);
    await clock.advance(551);
    expect(log).toEqual(['close resource', 'cut resource']);
    worker.disown(resource);
  });

  test('never comes for the main process', async () => {
    const main = new Worker('main', undefined);
    const log: string[] = [];
    const resource = createResource(log);
    main.own(resource);
    main.disown(resource);
    main.post(() => log.push('dropped'));
    main.kill();
    main.post(() => log.push('kept'));
    await turns();
    expect(log).toEqual(['kept']);
    expect([main.isMain, main.isEnding]).toEqual([true, false]);
  });

  test('a second kill by another worker drops the messages for the successor, a kill by the worker itself does not', async () => {
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
  test('of code outside any worker is the main process', () => {
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

  test('of a worker differs from the context of a tryExpr in it', () => {
    const tryScope = { errors: [], outer: undefined, isOver: false };
    runInContext({ worker: mainWorker, tryScope }, () => {
      expect(mainWorker.isCurrent).toBe(false);
      expect(currentContext().tryScope).toBe(tryScope);
      expect(mainWorker.enter(() => currentContext().tryScope)).toBeUndefined();
    });
  });
});

test.each([
  [undefined, false],
  [null, false],
  [0, false],
  ['then', false],
  [{}, false],
  // oxlint-disable-next-line unicorn/no-thenable -- the test is about thenables
  [{ then: 1 }, false],
  [() => {}, false],
  // oxlint-disable-next-line unicorn/no-thenable -- the test is about thenables
  [{ then() {} }, true],
  [Promise.resolve(), true],
])('isThenable(%o) is %s', (value, expected) => {
  expect(isThenable(value)).toBe(expected);
});
