import { CallbackTimes } from '../../src/diagnostics/callback-times.ts';
import { describe, expect, test } from 'vitest';
import {
  type CallbackOwner,
  CallbackQueue,
  type MessageGuard,
  type QueuedEvent,
} from '../../src/session/callback-queue.ts';
import { spoilingGuard } from '../../src/session/spoilt-bytes.ts';
import { currentContext, type Worker, mainWorker } from '../../src/workers/worker.ts';
import { callWorker, currentProcessName } from '../../src/workers/commands.ts';
import { createDeferred, type Deferred } from '../helpers/deferred.ts';
import { turns } from '../helpers/turns.ts';
import { scopeIn } from '../helpers/scope-in.ts';
import { runInWorker, workerName } from '../helpers/workers.ts';

const OPEN: QueuedEvent = { type: 'open' };
const TERMINATE: QueuedEvent = { type: 'terminate' };

function message(data: unknown): QueuedEvent {
  return { type: 'message', data, isBinary: false };
}

/** An owner that logs its calls, in one log with what the callbacks do. */
class Owner implements CallbackOwner {
  readonly subject = { name: 'subject' };
  handler: object = {};
  maxWaitingEvents = 16;
  messageGuard: MessageGuard | undefined;
  readonly callbackTimes = new CallbackTimes();
  /** The data of the messages that could not be delivered within push(). */
  readonly waited: unknown[] = [];
  readonly log: string[] = [];
  readonly thrown: unknown[] = [];

  onTimed(): void {}

  onWaiting(event: QueuedEvent): void {
    if (event.type === 'message') this.waited.push(event.data);
  }

  onBeforeCallback(event: QueuedEvent): void {
    this.log.push(`before ${event.type}`);
  }

  onAfterCallback(event: QueuedEvent): void {
    this.log.push(`after ${event.type}`);
  }

  onCallbackFailed(event: QueuedEvent, thrown: unknown): void {
    this.log.push(`failed ${event.type}`);
    this.thrown.push(thrown);
  }

  onInvalidMessage(): void {}

  onQueueFull(): void {
    this.log.push('full');
  }

  onQueueIdle(): void {
    this.log.push('idle');
  }
}

/** A handler whose onMessage logs, and waits for the gate that is named like the message. */
function gatedHandler(owner: Owner, gates: Readonly<Record<string, Deferred<void>>>): object {
  return {
    async onMessage(_subject: object, event: { readonly data: string }): Promise<void> {
      owner.log.push(`${event.data} begins`);
      await gates[event.data]?.promise;
      owner.log.push(`${event.data} ends`);
    },
  };
}

function makeQueue(owner: Owner, handler: object, worker: Worker = mainWorker, maxWaiting = 16): CallbackQueue {
  owner.handler = handler;
  owner.maxWaitingEvents = maxWaiting;
  return new CallbackQueue(owner, scopeIn(worker));
}

/** Creates the worker of this name. Resolves when the worker is idle. */
async function workerOf(name: string): Promise<Worker> {
  const { worker } = await runInWorker(name, () => currentContext());
  await turns(2);
  return worker;
}

describe('in the main process', () => {
  test('delivers within push() when the queue is idle', () => {
    const owner = new Owner();
    const seen: unknown[][] = [];
    const handler = { onMessage: (...parameters: unknown[]) => void seen.push(parameters) };
    const event = message('hello');
    makeQueue(owner, handler).push(event);
    expect(seen).toEqual([[owner.subject, event]]);
    expect(seen[0]![0]).toBe(owner.subject);
    expect(seen[0]![1]).toBe(event);
    expect(owner.log).toEqual([]);
  });

  test('tells the owner before and after each callback but onMessage, also when the callback is missing', () => {
    const owner = new Owner();
    const queue = makeQueue(owner, { onOpen: () => void owner.log.push('onOpen'), onTerminate: 'no function' });
    queue.push(OPEN);
    queue.push(message('nobody listens'));
    queue.push(TERMINATE);
    expect(owner.log).toEqual(['before open', 'onOpen', 'after open', 'before terminate', 'after terminate']);
  });

  test('looks callbacks up when the event fires, and calls them with this = the handler', () => {
    const handler: Record<string, unknown> = {};
    const queue = makeQueue(new Owner(), handler);
    const seen: unknown[] = [];
    queue.push(message(1));
    handler.onMessage = function (this: unknown): void {
      seen.push('first', this);
    };
    queue.push(message(2));
    handler.onMessage = (): void => void seen.push('second');
    queue.push(message(3));
    delete handler.onMessage;
    queue.push(message(4));
    expect(seen).toEqual(['first', handler, 'second']);
  });

  test('stopWaiting() delivers the events that wait and all later ones, without waiting for promises', async () => {
    const owner = new Owner();
    const gates = { a: createDeferred(), b: createDeferred() };
    const queue = makeQueue(owner, { ...gatedHandler(owner, gates), onTerminate: () => void owner.log.push('end') });
    for (const name of ['a', 'b']) queue.push(message(name));
    await turns();
    queue.stopWaiting();
    queue.stopWaiting();
    expect(owner.log).toEqual(['a begins', 'b begins']);
    queue.push(TERMINATE);
    expect(owner.log.slice(2)).toEqual(['before terminate', 'end', 'after terminate']);
    gates.b.resolve();
    gates.a.reject(new Error('late'));
    await turns();
    expect(owner.log.slice(5)).toEqual(['b ends', 'failed message']);
    expect(owner.thrown).toEqual([new Error('late')]);
  });

  test('runs callbacks in order and never two at a time', async () => {
    const owner = new Owner();
    const gates = { a: createDeferred(), b: createDeferred() };
    const queue = makeQueue(owner, gatedHandler(owner, gates));
    for (const name of ['a', 'b', 'c']) queue.push(message(name));
    queue.push(TERMINATE);
    await turns();
    expect(owner.log).toEqual(['a begins']);
    gates.a.resolve();
    await turns();
    expect(owner.log).toEqual(['a begins', 'a ends', 'b begins']);
    gates.b.resolve();
    await turns();
    expect(owner.log.slice(3)).toEqual(['b ends', 'c begins', 'c ends', 'before terminate', 'after terminate']);
  });

  test('calls onAfterCallback when the promise of the callback has settled', async () => {
    const owner = new Owner();
    const gate = createDeferred();
    makeQueue(owner, { onOpen: () => gate.promise }).push(OPEN);
    await turns();
    expect(owner.log).toEqual(['before open']);
    gate.resolve();
    await turns();
    expect(owner.log).toEqual(['before open', 'after open']);
  });

  test('delivers an event that a callback pushes after that callback', () => {
    const log: unknown[] = [];
    const handler = {
      onMessage(_subject: object, { data }: { readonly data: number }): void {
        log.push(`${data} begins`);
        if (data < 3) queue.push(message(data + 1));
        log.push(`${data} ends`);
      },
    };
    const queue = makeQueue(new Owner(), handler);
    queue.push(message(1));
    expect(log).toEqual(['1 begins', '1 ends', '2 begins', '2 ends', '3 begins', '3 ends']);
  });

  test('tells the owner once that the queue is full, and once that it is idle', async () => {
    const owner = new Owner();
    const gates = { a: createDeferred(), b: createDeferred() };
    const queue = makeQueue(owner, gatedHandler(owner, gates), mainWorker, 2);
    queue.push(message('a'));
    queue.push(message('b'));
    expect(owner.log).toEqual(['a begins']);
    queue.push(message('c'));
    expect(owner.log).toEqual(['a begins', 'full']);
    queue.push(message('d'));
    expect(owner.log).toEqual(['a begins', 'full']);
    gates.a.resolve();
    await turns();
    expect(owner.log.slice(2)).toEqual(['a ends', 'b begins']);
    gates.b.resolve();
    await turns();
    expect(owner.log.slice(4)).toEqual(['b ends', 'c begins', 'c ends', 'd begins', 'd ends', 'idle']);
  });

  test('tells the owner again when the queue fills up again', async () => {
    const owner = new Owner();
    const gates = { a: createDeferred(), b: createDeferred() };
    const queue = makeQueue(owner, gatedHandler(owner, gates), mainWorker, 1);
    for (const name of ['a', 'x']) queue.push(message(name));
    gates.a.resolve();
    await turns();
    for (const name of ['b', 'y']) queue.push(message(name));
    gates.b.resolve();
    await turns();
    expect(owner.log.filter((line) => line === 'full' || line === 'idle')).toEqual(['full', 'idle', 'full', 'idle']);
  });

  test('notifyWhenIdle() within a callback tells the owner once when no event waits any more', () => {
    const owner = new Owner();
    const queue = makeQueue(owner, { onMessage: () => void owner.log.push('message') });
    owner.onAfterCallback = () => {
      queue.push(message('waits'));
      queue.notifyWhenIdle();
      owner.log.push('asked');
    };
    queue.push(OPEN);
    expect(owner.log).toEqual(['before open', 'asked', 'message', 'idle']);
    queue.push(message('later'));
    expect(owner.log.slice(-1)).toEqual(['message']);
  });

  test('delivers events that the owner pushes within onQueueIdle', async () => {
    const owner = new Owner();
    const gate = createDeferred();
    const queue = makeQueue(owner, gatedHandler(owner, { a: gate }), mainWorker, 1);
    owner.onQueueIdle = () => {
      owner.log.push('idle');
      if (!owner.log.includes('late begins')) queue.push(message('late'));
    };
    for (const name of ['a', 'b']) queue.push(message(name));
    gate.resolve();
    await turns();
    expect(owner.log.slice(-3)).toEqual(['idle', 'late begins', 'late ends']);
  });

  test('delivers a hundred thousand waiting events without growing the stack', async () => {
    const owner = new Owner();
    const gate = createDeferred();
    let count = 0;
    const handler = { onMessage: () => (count++ === 0 ? gate.promise : undefined) };
    const queue = makeQueue(owner, handler, mainWorker, Infinity);
    for (let i = 0; i < 100_000; i++) queue.push(message(i));
    gate.resolve();
    await turns();
    expect(count).toBe(100_000);
    expect(owner.log).toEqual([]);
  });

  test('mute() drops waiting messages and later messages, but no other event', async () => {
    const owner = new Owner();
    const gate = createDeferred();
    const queue = makeQueue(owner, gatedHandler(owner, { a: gate }));
    for (const event of [message('a'), message('b'), OPEN, { type: 'drain' } as const, TERMINATE]) queue.push(event);
    queue.mute();
    queue.push(message('c'));
    gate.resolve();
    await turns();
    expect(owner.log.slice(2)).toEqual(['before open', 'after open', 'before terminate', 'after terminate']);
  });

  test('mute() lets go of messages that wait, although the callback before them never settles', () => {
    const owner = new Owner();
    const queue = makeQueue(owner, { onMessage: () => new Promise(() => {}) }, mainWorker, 2);
    for (const name of ['never over', 'waits']) queue.push(message(name));
    queue.mute();
    // Two events that wait would fill the queue.
    queue.push(TERMINATE);
    expect(owner.log).toEqual([]);
    queue.push(TERMINATE);
    expect(owner.log).toEqual(['full']);
  });

  test.each([
    ['an error', new Error('on purpose')],
    ['a text', 'on purpose'],
    ['undefined', undefined],
    ['null', null],
    ['an object', { on: 'purpose' }],
  ])('tells the owner of a callback that throws or rejects with %s, and goes on', async (_what, thrown) => {
    const owner = new Owner();
    const handler = {
      onOpen(): never {
        throw thrown;
      },
      onMessage: () => Promise.reject(thrown),
      onTerminate: () => void owner.log.push('onTerminate'),
    };
    const queue = makeQueue(owner, handler);
    queue.push(OPEN);
    expect(owner.log).toEqual(['before open', 'failed open', 'after open']);
    queue.push(message('a'));
    queue.push(TERMINATE);
    await turns();
    expect(owner.log.slice(3)).toEqual(['failed message', 'before terminate', 'onTerminate', 'after terminate']);
    expect(owner.thrown).toEqual([thrown, thrown]);
  });

  test('treats a getter that throws as a callback that throws', () => {
    const owner = new Owner();
    const handler = {
      get onMessage(): never {
        throw new Error('no handler today');
      },
    };
    makeQueue(owner, handler).push(message('a'));
    expect(owner.log).toEqual(['failed message']);
  });

  test('awaits any object with a then method, also when it throws or settles twice', async () => {
    const owner = new Owner();
    const results = [
      // oxlint-disable-next-line unicorn/no-thenable -- the test is about thenables
      { then: (resolve: () => void) => void setImmediate(resolve) },
      {
        // oxlint-disable-next-line unicorn/no-thenable -- the test is about thenables
        then() {
          throw new Error('on purpose');
        },
      },
      {
        // oxlint-disable-next-line unicorn/no-thenable -- the test is about thenables
        then(resolve: () => void, reject: (reason: unknown) => void) {
          resolve();
          reject(new Error('too late'));
        },
      },
      // oxlint-disable-next-line unicorn/no-thenable -- the test is about thenables
      { then: 'no method' },
    ];
    let next = 0;
    const queue = makeQueue(owner, {
      onMessage() {
        owner.log.push(`${next}`);
        return results[next++];
      },
    });
    for (let i = 0; i < 5; i++) queue.push(message(i));
    expect(owner.log).toEqual(['0']);
    await turns();
    expect(owner.log).toEqual(['0', '1', 'failed message', '2', '3', '4']);
  });

  test('runs a callback in the main process, also when a worker pushes its event', async () => {
    const seen: string[] = [];
    const queue = makeQueue(new Owner(), {
      async onMessage() {
        seen.push(currentProcessName());
        await turns(1);
        seen.push(currentProcessName());
      },
    });
    await runInWorker(workerName(), () => queue.push(message('a')));
    await turns();
    expect(seen).toEqual(['Main process', 'Main process']);
  });
});

describe('in a worker', () => {
  test('stopWaiting() has no effect: a worker runs one task at a time', async () => {
    const owner = new Owner();
    const gates = { a: createDeferred() };
    const queue = makeQueue(owner, gatedHandler(owner, gates), await workerOf(workerName()));
    for (const name of ['a', 'b']) queue.push(message(name));
    queue.stopWaiting();
    await turns();
    expect(owner.log).toEqual(['a begins']);
    gates.a.resolve();
    await turns();
    expect(owner.log).toEqual(['a begins', 'a ends', 'b begins', 'b ends']);
  });

  test('runs callbacks in the worker, also after an await', async () => {
    const name = workerName();
    const seen: string[] = [];
    const queue = makeQueue(
      new Owner(),
      {
        async onMessage() {
          seen.push(currentProcessName());
          await turns(1);
          seen.push(currentProcessName());
        },
      },
      await workerOf(name),
    );
    queue.push(message('a'));
    await turns();
    expect(seen).toEqual([name, name]);
  });

  test('runs a callback after the running message and before the next message', async () => {
    const name = workerName();
    const owner = new Owner();
    const gates = { message: createDeferred(), a: createDeferred() };
    const queue = makeQueue(owner, gatedHandler(owner, gates), await workerOf(name));
    callWorker(name, async () => {
      owner.log.push('message begins');
      await gates.message.promise;
      owner.log.push('message ends');
    });
    await turns();
    queue.push(message('a'));
    callWorker(name, () => void owner.log.push('next message'));
    await turns();
    expect(owner.log).toEqual(['message begins']);
    gates.message.resolve();
    await turns();
    expect(owner.log.slice(1)).toEqual(['message ends', 'a begins']);
    gates.a.resolve();
    await turns();
    expect(owner.log.slice(3)).toEqual(['a ends', 'next message']);
  });

  test('runs the callbacks of two sockets in one worker one at a time', async () => {
    const worker = await workerOf(workerName());
    const owner = new Owner();
    const gates = { a: createDeferred(), b: createDeferred() };
    const handler = gatedHandler(owner, gates);
    makeQueue(owner, handler, worker).push(message('a'));
    makeQueue(owner, handler, worker).push(message('b'));
    await turns();
    expect(owner.log).toEqual(['a begins']);
    gates.b.resolve();
    gates.a.resolve();
    await turns();
    expect(owner.log).toEqual(['a begins', 'a ends', 'b begins', 'b ends']);
  });

  test('pushFirst() delivers within the message that waits for the event', async () => {
    const name = workerName();
    const owner = new Owner();
    const worker = await workerOf(name);
    const opened = createDeferred();
    const queue = makeQueue(owner, { onOpen: () => opened.resolve() }, worker);
    const running = runInWorker(name, async () => {
      await opened.promise;
      owner.log.push('message ends');
    });
    await turns();
    queue.pushFirst(OPEN);
    await running;
    expect(owner.log).toEqual(['before open', 'after open', 'message ends']);
  });

  test('pushFirst() in an idle worker makes messages wait for the callback', async () => {
    const name = workerName();
    const owner = new Owner();
    const gate = createDeferred();
    const queue = makeQueue(owner, { onOpen: () => gate.promise }, await workerOf(name));
    queue.pushFirst(OPEN);
    callWorker(name, () => void owner.log.push('message'));
    await turns();
    expect(owner.log).toEqual(['before open']);
    gate.resolve();
    await turns();
    expect(owner.log).toEqual(['before open', 'after open', 'message']);
  });

  test('tells the owner of a failing callback, and the worker goes on', async () => {
    const name = workerName();
    const owner = new Owner();
    const queue = makeQueue(owner, { onMessage: () => Promise.reject(new Error('on purpose')) }, await workerOf(name));
    queue.push(message('a'));
    queue.push(message('b'));
    await turns();
    expect(owner.log).toEqual(['failed message', 'failed message']);
    expect(await runInWorker(name, () => 'alive')).toBe('alive');
  });

  test('tells the owner that the queue is full, and that it is idle', async () => {
    const owner = new Owner();
    const gate = createDeferred();
    const queue = makeQueue(owner, gatedHandler(owner, { a: gate }), await workerOf(workerName()), 2);
    for (const name of ['a', 'b', 'c']) queue.push(message(name));
    gate.resolve();
    await turns();
    expect(owner.log.join(', ')).toBe('a begins, full, a ends, b begins, b ends, c begins, c ends, idle');
  });
});

describe('messages that wait', () => {
  test('are told to the owner within push(), those that wait for no one are not', async () => {
    const owner = new Owner();
    const gate = createDeferred();
    const queue = makeQueue(owner, gatedHandler(owner, { a: gate }));
    queue.push(message('a'));
    expect(owner.waited).toEqual([]);
    queue.push(message('b'));
    expect(owner.waited).toEqual(['b']);
    gate.resolve();
    await turns();
    queue.push(message('c'));
    expect(owner.waited).toEqual(['b']);
    await turns();
    expect(owner.log).toEqual(['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends']);
  });

  test('are told to the owner when the worker is busy', async () => {
    const owner = new Owner();
    const worker = await workerOf(workerName());
    const queue = makeQueue(owner, gatedHandler(owner, {}), worker);
    queue.push(message('a'));
    expect([owner.waited, owner.log]).toEqual([[], ['a begins']]);
    await turns();
    const gate = createDeferred();
    worker.runTask(() => gate.promise);
    queue.push(message('b'));
    expect(owner.waited).toEqual(['b']);
    gate.resolve();
    await turns();
    expect(owner.log.slice(2)).toEqual(['b begins', 'b ends']);
  });
});

/** Makes a queue that spoils bytes. */
function spoilingQueue(onMessage: (_: object, event: { data: Buffer }) => unknown): CallbackQueue {
  const owner = new Owner();
  owner.messageGuard = spoilingGuard;
  return makeQueue(owner, { onMessage });
}

function fail(): never {
  throw new Error('called');
}

describe('spoilingGuard', () => {
  const POISONED = Buffer.alloc(3, 0xdb);

  test('overwrites the bytes of a message when its callback has returned', () => {
    const seen: string[] = [];
    const bytes = Buffer.from('abc');
    spoilingQueue((_, { data }) => void seen.push(data.toString())).push(message(bytes));
    expect([seen, bytes]).toEqual([['abc'], POISONED]);
  });

  test('overwrites the bytes when the callback throws, and when it returns its promise', () => {
    const [thrown, promised] = [Buffer.from('abc'), Buffer.from('abc')];
    spoilingQueue(() => {
      throw new Error('failed');
    }).push(message(thrown));
    spoilingQueue(() => new Promise(() => {})).push(message(promised));
    expect([thrown, promised]).toEqual([POISONED, POISONED]);
  });

  test('leaves what the callback has put in the event, and the members that it has put on the bytes, alone', () => {
    const bytes = Buffer.from('abc');
    const own = Buffer.from('own');
    spoilingQueue((_, event) => {
      Object.defineProperties(event.data, { fill: { value: fail }, length: { get: fail }, buffer: { get: fail } });
      event.data = own;
    }).push(message(bytes));
    expect([own.toString(), bytes[0]]).toEqual(['own', 0xdb]);
  });

  test('does nothing to bytes that the callback has transferred away, nor to texts', () => {
    const moved: ArrayBuffer[] = [];
    const owner = new Owner();
    owner.messageGuard = spoilingGuard;
    const queue = makeQueue(owner, {
      onMessage: (_: object, { data }: { data: Buffer }) => {
        const buffer = data.buffer as ArrayBuffer;
        if (Buffer.isBuffer(data)) moved.push(structuredClone(buffer, { transfer: [buffer] }));
      },
    });
    queue.push(message(Buffer.from(new Uint8Array([1, 2]).buffer)));
    queue.push(message('text'));
    expect(moved.map((buffer) => Buffer.from(buffer).toString('hex'))).toEqual(['0102']);
    expect(owner.thrown).toEqual([]);
  });
});
