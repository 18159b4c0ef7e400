import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { FourDError } from '../../src/errors.ts';
import { RateLimit } from '../../src/connection/rate-limit.ts';
import { timers } from '../../src/base/timers.ts';
import { PeerMonitor, type MonitoredPeer, type PeerLimits } from '../../src/connection/peer-monitor.ts';
import { turns } from '../helpers/turns.ts';

const LIMITS: PeerLimits = {
  pingIntervalMs: 25_000,
  pongTimeoutMs: 20_000,
  incompleteMessageTimeoutMs: 30_000,
  maxControlFramesPerSecond: 60,
  maxMessagesPerSecond: Infinity,
  maxBytesPerSecond: Infinity,
};

/** Keeps what a watch does to its connection. */
class RecordingWatched implements MonitoredPeer {
  readonly component = 'HTTP';
  isReading = true;
  readonly calls: string[] = [];
  readonly errors: FourDError[] = [];

  sendPing(): void {
    this.calls.push('ping');
  }

  sendPong(): void {
    this.calls.push('pong');
  }

  onLimitExceeded(error: FourDError): void {
    this.errors.push(error);
    this.calls.push(error.code);
  }
}

let open: PeerMonitor[] = [];

/** A watch over a connection that has begun to read. */
function watch(limits: Partial<PeerLimits> = {}): { watch: PeerMonitor; watched: RecordingWatched } {
  const watched = new RecordingWatched();
  const made = new PeerMonitor(watched, { ...LIMITS, ...limits });
  open.push(made);
  made.onResume();
  return { watch: made, watched };
}

/** Lets time pass as it does while the event loop turns. */
async function pass(ms: number): Promise<void> {
  for (let rest = ms; rest > 0; rest -= 5000) {
    vi.advanceTimersByTime(Math.min(rest, 5000));
    await turns(2);
  }
}

/** Lets time pass while the event loop stands still: no timer runs. */
function stall(ms: number): void {
  const now = performance.now.bind(performance);
  vi.spyOn(performance, 'now').mockImplementation(() => now() + ms);
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
});

afterEach(() => {
  for (const each of open) each.stop();
  open = [];
  expect(timers.pendingTicks).toBe(0);
  expect(vi.getTimerCount()).toBe(0);
  vi.restoreAllMocks();
  vi.useRealTimers();
});

describe('the heartbeat', () => {
  test('RFC 6455 5.5.2: pings a silent peer, and gives it up when nothing comes', async () => {
    const { watched } = watch();
    await pass(24_900);
    expect(watched.calls).toEqual([]);
    await pass(200);
    expect(watched.calls).toEqual(['ping']);
    await pass(19_800);
    expect(watched.calls).toEqual(['ping']);
    await pass(200);
    expect(watched.calls).toEqual(['ping', 'ERR_HEARTBEAT']);
    expect(watched.errors[0]).toMatchObject({
      errCode: 1006,
      closeCode: 1006,
      componentSignature: 'HTTP',
      side: 'remote',
      endCause: 'heartbeat',
      limit: 20_000,
      observed: expect.closeTo(45_000, -3) as number,
    });
    await pass(100_000);
    expect(watched.calls).toHaveLength(2);
  });

  test('takes any bytes for life, and sets no timer for them', async () => {
    const { watch: one, watched } = watch();
    const schedule = vi.spyOn(timers, 'schedule');
    for (let i = 0; i < 1000; i++) {
      await pass(100);
      one.onBytes(0);
    }
    expect(watched.calls).toEqual([]);
    // 100 seconds, one look in 25.
    expect(schedule.mock.calls.length).toBeLessThanOrEqual(4);
    await pass(25_100);
    expect(watched.calls).toEqual(['ping']);
    one.onBytes(0);
    await pass(20_000);
    expect(watched.calls).toEqual(['ping']);
    await pass(5100);
    expect(watched.calls).toEqual(['ping', 'ping']);
  });

  test('gives nobody up while nothing is read, and shows a pong meanwhile', async () => {
    const { watch: one, watched } = watch();
    await pass(25_100);
    watched.isReading = false;
    one.onPause();
    await pass(100_000);
    expect(watched.calls).toEqual(['ping', 'pong', 'pong', 'pong', 'pong']);
    watched.isReading = true;
    one.onResume();
    await pass(24_900);
    expect(watched.calls).toHaveLength(5);
    await pass(200);
    expect(watched.calls.at(-1)).toBe('ping');
    await pass(20_100);
    expect(watched.calls.at(-1)).toBe('ERR_HEARTBEAT');
  });

  test('shows a pong also where its own ping may stay without an answer for ever', async () => {
    const { watch: one, watched } = watch({ pongTimeoutMs: Infinity });
    await pass(25_100);
    watched.isReading = false;
    one.onPause();
    await pass(50_200);
    expect(watched.calls).toEqual(['ping', 'pong', 'pong']);
  });

  test('hears what came before the verdict and was not read yet', async () => {
    const { watch: one, watched } = watch();
    await pass(25_100);
    vi.advanceTimersByTime(20_100);
    // The deadline has passed in the timers' phase: the sockets are read after it.
    one.onBytes(0);
    await turns(2);
    expect(watched.calls).toEqual(['ping']);
  });

  test('an event loop that stands still puts the verdict off', async () => {
    const { watched } = watch();
    await pass(25_100);
    expect(watched.calls).toEqual(['ping']);
    stall(60_000);
    await pass(10_000);
    expect(watched.calls).toEqual(['ping']);
    await pass(9100);
    expect(watched.calls).toEqual(['ping', 'ERR_HEARTBEAT']);
  });

  test('pings once, and looks now and then, when nobody is found dead', async () => {
    const { watched } = watch({ pongTimeoutMs: Infinity });
    const schedule = vi.spyOn(timers, 'schedule');
    await pass(1_000_000);
    expect(watched.calls).toEqual(['ping']);
    expect(schedule.mock.calls.length).toBeLessThanOrEqual(40);
  });

  test('is off with an infinite interval: no deadline at all', async () => {
    const { watched } = watch({ pingIntervalMs: Infinity });
    expect(timers.pendingTicks).toBe(0);
    await pass(1_000_000);
    expect(watched.calls).toEqual([]);
  });

  test('ends with the connection, also when a look is under way', async () => {
    const { watch: one, watched } = watch();
    vi.advanceTimersByTime(25_100);
    one.stop();
    one.onBytes(0);
    await turns(2);
    expect(watched.calls).toEqual([]);
    expect(timers.pendingTicks).toBe(0);
  });
});

describe('an unfinished message', () => {
  test.each([25_000, Infinity])('is given its time, and no more (pingIntervalMs %d)', async (pingIntervalMs) => {
    const { watch: one, watched } = watch({ pingIntervalMs });
    await pass(1000);
    one.onBytes(7);
    for (let i = 0; i < 29; i++) {
      await pass(1000);
      one.onBytes(7);
    }
    await pass(900);
    expect(watched.calls).toEqual([]);
    await pass(200);
    expect(watched.calls).toEqual(['ERR_INCOMPLETE_MESSAGE']);
    expect(watched.errors[0]).toMatchObject({ closeCode: 1008, endCause: 'limit', limit: 30_000, observed: 30_000 });
    await pass(20_000);
    expect(watched.calls).toHaveLength(1);
  });

  test('that ends in time leaves nothing behind, and the next one has its own time', async () => {
    const { watch: one, watched } = watch({ pingIntervalMs: Infinity });
    one.onBytes(7);
    await pass(20_000);
    one.onBytes(8);
    await pass(20_000);
    expect(watched.calls).toEqual([]);
    one.onBytes(0);
    await pass(100_000);
    expect(watched.calls).toEqual([]);
    one.onBytes(9);
    await pass(30_100);
    expect(watched.calls).toEqual(['ERR_INCOMPLETE_MESSAGE']);
  });

  test('has its time again after a pause, in which nothing could come', async () => {
    const { watch: one, watched } = watch({ pingIntervalMs: Infinity });
    one.onBytes(7);
    await pass(29_000);
    watched.isReading = false;
    one.onPause();
    await pass(100_000);
    watched.isReading = true;
    one.onResume();
    await pass(29_900);
    expect(watched.calls).toEqual([]);
    await pass(200);
    expect(watched.calls).toEqual(['ERR_INCOMPLETE_MESSAGE']);
  });

  test('has no limit when it is infinite', async () => {
    const { watch: one, watched } = watch({ pingIntervalMs: Infinity, incompleteMessageTimeoutMs: Infinity });
    one.onBytes(7);
    await pass(1_000_000);
    expect(watched.calls).toEqual([]);
    expect(timers.pendingTicks).toBe(0);
  });
});

describe('rates', () => {
  test('of control frames', async () => {
    const { watch: one, watched } = watch();
    for (let i = 0; i < 60; i++) one.countControlFrame();
    expect(watched.calls).toEqual([]);
    one.countControlFrame();
    expect(watched.errors[0]).toMatchObject({
      code: 'ERR_TOO_MANY_CONTROL_FRAMES',
      closeCode: 1008,
      limit: 60,
      observed: 61,
    });
    const free = watch({ maxControlFramesPerSecond: Infinity });
    for (let i = 0; i < 10_000; i++) free.watch.countControlFrame();
    expect(free.watched.calls).toEqual([]);
  });

  test('of control frames are forgotten when the next look finds them unused, and only then', async () => {
    const take = vi.spyOn(RateLimit.prototype, 'take');
    const { watch: one } = watch();
    one.countControlFrame();
    await pass(25_100);
    one.onBytes(0);
    for (let i = 0; i < 60; i++) one.countControlFrame();
    const [first, second, ...others] = take.mock.contexts;
    expect(second).not.toBe(first);
    expect(new Set(others)).toEqual(new Set([second]));
    const excused = watch();
    excused.watch.onPause();
    await pass(10_000);
    excused.watch.onResume();
    excused.watch.countControlFrame();
    await pass(25_100);
    excused.watch.countControlFrame();
    expect(take.mock.contexts.at(-1)).toBe(take.mock.contexts.at(-2));
  });

  test('of messages and bytes, when they are set', async () => {
    const { watch: one, watched } = watch({ maxMessagesPerSecond: 10, maxBytesPerSecond: 1000 });
    for (let i = 0; i < 10; i++) expect(one.allowsMessage()).toBe(true);
    expect(one.allowsBytes(1000)).toBe(true);
    await pass(500);
    expect(one.allowsBytes(500)).toBe(true);
    expect(one.allowsBytes(100)).toBe(false);
    for (let i = 0; i < 5; i++) expect(one.allowsMessage()).toBe(true);
    expect(one.allowsMessage()).toBe(false);
    expect(watched.errors.map(({ code, limit, observed, message }) => [code, limit, observed, message])).toEqual([
      ['ERR_RATE_LIMIT', 1000, 1100, 'too many bytes: 1100 within a second (maxBytesPerSecond 1000)'],
      ['ERR_RATE_LIMIT', 10, 11, 'too many messages: 11 within a second (maxMessagesPerSecond 10)'],
    ]);
    const free = watch();
    expect([free.watch.allowsMessage(), free.watch.allowsBytes(1e12)]).toEqual([true, true]);
  });

  test.each(['a pause', 'an event loop that stands still'])('let come at once what came during %s', async (what) => {
    const { watch: one, watched } = watch({ maxMessagesPerSecond: 10 });
    for (let i = 0; i < 10; i++) one.allowsMessage();
    if (what === 'a pause') {
      one.onPause();
      await pass(10_000);
      one.onResume();
    } else {
      stall(10_000);
    }
    for (let i = 0; i < 100; i++) expect(one.allowsMessage()).toBe(true);
    for (let i = 0; i < 560; i++) one.countControlFrame();
    // Control frames of the pause are excused as well, though none had been counted before it.
    expect(watched.calls).toEqual([]);
    for (let i = 0; i < 200; i++) one.countControlFrame();
    expect(watched.calls[0]).toBe('ERR_TOO_MANY_CONTROL_FRAMES');
  });

  test('what the event loop lost before is no excuse for a new connection', async () => {
    const first = watch();
    stall(100_000);
    first.watch.countControlFrame();
    const { watch: one, watched } = watch({ maxMessagesPerSecond: 10 });
    for (let i = 0; i < 11; i++) one.allowsMessage();
    expect(watched.calls).toEqual(['ERR_RATE_LIMIT']);
  });
});
