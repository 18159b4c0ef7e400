import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { FourDError } from '../../src/errors.ts';
import { RateLimit } from '../../src/connection/rate-limit.ts';
import { timers } from '../../src/base/timers.ts';
import { PeerMonitor, type MonitoredPeer, type PeerLimits } from '../../src/connection/peer-monitor.ts';
import { turns } from '../helpers/turns.ts';
import { readGlobalTimers } from '../helpers/test-clock.ts';

readGlobalTimers();

const LIMITS: PeerLimits = {
  pingIntervalMs: 25_000,
  pongTimeoutMs: 20_000,
  incompleteMessageTimeoutMs: 30_000,
  maxControlFramesPerSecond: 60,
  maxMessagesPerSecond: Infinity,
  maxBytesPerSecond: Infinity,
};

/** Records the calls of a monitor. */
class RecordingPeer implements MonitoredPeer {
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

let openMonitors: PeerMonitor[] = [];

/** Starts a monitor of a connection that has begun to read. */
function startMonitor(limits: Partial<PeerLimits> = {}): { monitor: PeerMonitor; peer: RecordingPeer } {
  const peer = new RecordingPeer();
  const monitor = new PeerMonitor(peer, { ...LIMITS, ...limits });
  openMonitors.push(monitor);
  monitor.onResume();
  return { monitor, peer };
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
  for (const monitor of openMonitors) monitor.stop();
  openMonitors = [];
  expect(timers.pendingTicks).toBe(0);
  expect(vi.getTimerCount()).toBe(0);
  vi.restoreAllMocks();
  vi.useRealTimers();
});

describe('the heartbeat', () => {
  test('RFC 6455 5.5.2: pings a silent peer, and gives it up when no bytes follow', async () => {
    const { peer } = startMonitor();
    await pass(24_900);
    expect(peer.calls).toEqual([]);
    await pass(200);
    expect(peer.calls).toEqual(['ping']);
    await pass(19_800);
    expect(peer.calls).toEqual(['ping']);
    await pass(200);
    expect(peer.calls).toEqual(['ping', 'ERR_HEARTBEAT']);
    expect(peer.errors[0]).toMatchObject({
      errCode: 1006,
      closeCode: 1006,
      componentSignature: 'HTTP',
      side: 'remote',
      endCause: 'heartbeat',
      limit: 20_000,
      observed: expect.closeTo(45_000, -3) as number,
    });
    await pass(100_000);
    expect(peer.calls).toHaveLength(2);
  });

  test('counts any bytes as a sign of life, and sets no timer for them', async () => {
    const { monitor, peer } = startMonitor();
    const schedule = vi.spyOn(timers, 'schedule');
    for (let i = 0; i < 1000; i++) {
      await pass(100);
      monitor.onBytes(0, 0);
    }
    expect(peer.calls).toEqual([]);
    // In 100 seconds the monitor checks once in 25 seconds.
    expect(schedule.mock.calls.length).toBeLessThanOrEqual(4);
    await pass(25_100);
    expect(peer.calls).toEqual(['ping']);
    monitor.onBytes(0, 0);
    await pass(20_000);
    expect(peer.calls).toEqual(['ping']);
    await pass(5100);
    expect(peer.calls).toEqual(['ping', 'ping']);
  });

  test('gives no peer up while nothing is read, and sends pongs meanwhile', async () => {
    const { monitor, peer } = startMonitor();
    await pass(25_100);
    peer.isReading = false;
    monitor.onPause();
    await pass(100_000);
    expect(peer.calls).toEqual(['ping', 'pong', 'pong', 'pong', 'pong']);
    peer.isReading = true;
    monitor.onResume();
    await pass(24_900);
    expect(peer.calls).toHaveLength(5);
    await pass(200);
    expect(peer.calls.at(-1)).toBe('ping');
    await pass(20_100);
    expect(peer.calls.at(-1)).toBe('ERR_HEARTBEAT');
  });

  test('sends pongs while nothing is read, even when pongTimeoutMs is Infinity', async () => {
    const { monitor, peer } = startMonitor({ pongTimeoutMs: Infinity });
    await pass(25_100);
    peer.isReading = false;
    monitor.onPause();
    await pass(50_200);
    expect(peer.calls).toEqual(['ping', 'pong', 'pong']);
  });

  test('counts bytes that came before the deadline and are read after it', async () => {
    const { monitor, peer } = startMonitor();
    await pass(25_100);
    vi.advanceTimersByTime(20_100);
    // Deadlines pass in the timers phase of the event loop; Node reads the sockets after that phase.
    monitor.onBytes(0, 0);
    await turns(2);
    expect(peer.calls).toEqual(['ping']);
  });

  test('does not count the time in which the event loop stands still', async () => {
    const { peer } = startMonitor();
    await pass(25_100);
    expect(peer.calls).toEqual(['ping']);
    stall(60_000);
    await pass(10_000);
    expect(peer.calls).toEqual(['ping']);
    await pass(9100);
    expect(peer.calls).toEqual(['ping', 'ERR_HEARTBEAT']);
  });

  test('pings a silent peer once, and sets few deadlines, when pongTimeoutMs is Infinity', async () => {
    const { peer } = startMonitor({ pongTimeoutMs: Infinity });
    const schedule = vi.spyOn(timers, 'schedule');
    await pass(1_000_000);
    expect(peer.calls).toEqual(['ping']);
    expect(schedule.mock.calls.length).toBeLessThanOrEqual(40);
  });

  test('sets no deadline when pingIntervalMs is Infinity', async () => {
    const { peer } = startMonitor({ pingIntervalMs: Infinity });
    expect(timers.pendingTicks).toBe(0);
    await pass(1_000_000);
    expect(peer.calls).toEqual([]);
  });

  test('stops with the connection, even when a check is scheduled', async () => {
    const { monitor, peer } = startMonitor();
    vi.advanceTimersByTime(25_100);
    monitor.stop();
    monitor.onBytes(0, 0);
    await turns(2);
    expect(peer.calls).toEqual([]);
    expect(timers.pendingTicks).toBe(0);
  });
});

describe('an unfinished message', () => {
  test.each([25_000, Infinity])(
    'ends its connection after incompleteMessageTimeoutMs (pingIntervalMs %d)',
    async (pingIntervalMs) => {
      const { monitor, peer } = startMonitor({ pingIntervalMs });
      await pass(1000);
      monitor.onBytes(7, 0);
      for (let i = 0; i < 29; i++) {
        await pass(1000);
        monitor.onBytes(7, 0);
      }
      await pass(900);
      expect(peer.calls).toEqual([]);
      await pass(200);
      expect(peer.calls).toEqual(['ERR_INCOMPLETE_MESSAGE']);
      expect(peer.errors[0]).toMatchObject({ closeCode: 1008, endCause: 'limit', limit: 30_000, observed: 30_000 });
      await pass(20_000);
      expect(peer.calls).toHaveLength(1);
    },
  );

  test('that ends in time leaves no deadline, and the next message has its own', async () => {
    const { monitor, peer } = startMonitor({ pingIntervalMs: Infinity });
    monitor.onBytes(7, 0);
    await pass(20_000);
    monitor.onBytes(8, 0);
    await pass(20_000);
    expect(peer.calls).toEqual([]);
    monitor.onBytes(0, 0);
    await pass(100_000);
    expect(peer.calls).toEqual([]);
    monitor.onBytes(9, 0);
    await pass(30_100);
    expect(peer.calls).toEqual(['ERR_INCOMPLETE_MESSAGE']);
  });

  test('has the full time again after a pause', async () => {
    const { monitor, peer } = startMonitor({ pingIntervalMs: Infinity });
    monitor.onBytes(7, 0);
    await pass(29_000);
    peer.isReading = false;
    monitor.onPause();
    await pass(100_000);
    peer.isReading = true;
    monitor.onResume();
    await pass(29_900);
    expect(peer.calls).toEqual([]);
    await pass(200);
    expect(peer.calls).toEqual(['ERR_INCOMPLETE_MESSAGE']);
  });

  test('has the full time again with every 16 KiB, and not with less', async () => {
    const { monitor, peer } = startMonitor({ pingIntervalMs: Infinity });
    monitor.onBytes(7, 100);
    for (let bytes = 100; bytes < 200_000; bytes += 16_384) {
      await pass(29_000);
      monitor.onBytes(7, bytes + 16_384);
    }
    expect(peer.calls).toEqual([]);
    await pass(29_000);
    monitor.onBytes(7, 200_000 + 16_000);
    await pass(1100);
    expect(peer.calls).toEqual(['ERR_INCOMPLETE_MESSAGE']);
  });

  test('has no deadline when incompleteMessageTimeoutMs is Infinity', async () => {
    const { monitor, peer } = startMonitor({ pingIntervalMs: Infinity, incompleteMessageTimeoutMs: Infinity });
    monitor.onBytes(7, 0);
    await pass(1_000_000);
    expect(peer.calls).toEqual([]);
    expect(timers.pendingTicks).toBe(0);
  });
});

describe('a message that stands still', () => {
  test('is one whose bytes came in the first quarter of its age, on average', async () => {
    const { monitor } = startMonitor();
    monitor.onBytes(7, 1000);
    expect(monitor.staleMs(7)).toBe(0);
    await pass(1000);
    // All bytes came at once.
    expect(monitor.staleMs(7)).toBe(1000);
    // As many bytes a second later: on average they came after half of that second.
    monitor.onBytes(7, 2000);
    expect(monitor.staleMs(7)).toBe(0);
    await pass(1000);
    expect(monitor.staleMs(7)).toBe(0);
    await pass(500);
    expect(monitor.staleMs(7)).toBe(2000);
    // A byte now and then is no progress.
    monitor.onBytes(7, 2001);
    expect(monitor.staleMs(7)).toBeGreaterThan(1990);
  });

  test('is no message that comes steadily, however slowly', async () => {
    const { monitor } = startMonitor();
    for (let bytes = 1000; bytes < 60_000; bytes += 1000) {
      monitor.onBytes(7, bytes);
      await pass(100);
      if (bytes > 2000) expect(monitor.staleMs(7)).toBe(0);
    }
  });

  test('is no other message, none that is just beginning, and none of a frame header alone', async () => {
    const { monitor } = startMonitor();
    expect(monitor.staleMs(7)).toBe(0);
    monitor.onBytes(7, 0);
    await pass(1000);
    expect([monitor.staleMs(7), monitor.staleMs(8)]).toEqual([1000, 0]);
    monitor.onBytes(0, 0);
    expect(monitor.staleMs(7)).toBe(0);
  });

  test('does not grow older while nothing is read', async () => {
    const { monitor, peer } = startMonitor();
    monitor.onBytes(7, 1000);
    await pass(1000);
    peer.isReading = false;
    monitor.onPause();
    await pass(10_000);
    expect(monitor.staleMs(7)).toBe(1000);
    peer.isReading = true;
    monitor.onResume();
    expect(monitor.staleMs(7)).toBe(1000);
  });
});

describe('rates', () => {
  test('of control frames are limited by maxControlFramesPerSecond', async () => {
    const { monitor, peer } = startMonitor();
    for (let i = 0; i < 60; i++) monitor.countControlFrame();
    expect(peer.calls).toEqual([]);
    monitor.countControlFrame();
    expect(peer.errors[0]).toMatchObject({
      code: 'ERR_TOO_MANY_CONTROL_FRAMES',
      closeCode: 1008,
      limit: 60,
      observed: 61,
    });
    const free = startMonitor({ maxControlFramesPerSecond: Infinity });
    for (let i = 0; i < 10_000; i++) free.monitor.countControlFrame();
    expect(free.peer.calls).toEqual([]);
  });

  test('of control frames leave out the pongs that pings have asked for, as a peer sends them that did not read', () => {
    const { monitor, peer } = startMonitor();
    for (let i = 0; i < 100; i++) monitor.onPingSent();
    for (let i = 0; i < 160; i++) monitor.onPong();
    expect(peer.calls).toEqual([]);
    monitor.onPong();
    expect(peer.calls).toEqual(['ERR_TOO_MANY_CONTROL_FRAMES']);
  });

  test('of control frames are dropped when the next check finds them unused, and only then', async () => {
    const take = vi.spyOn(RateLimit.prototype, 'take');
    const { monitor } = startMonitor();
    monitor.countControlFrame();
    await pass(25_100);
    monitor.onBytes(0, 0);
    for (let i = 0; i < 60; i++) monitor.countControlFrame();
    const [first, second, ...others] = take.mock.contexts;
    expect(second).not.toBe(first);
    expect(new Set(others)).toEqual(new Set([second]));
    const credited = startMonitor();
    credited.monitor.onPause();
    await pass(10_000);
    credited.monitor.onResume();
    credited.monitor.countControlFrame();
    await pass(25_100);
    credited.monitor.countControlFrame();
    expect(take.mock.contexts.at(-1)).toBe(take.mock.contexts.at(-2));
  });

  test('of messages and bytes are limited when the options are set', async () => {
    const { monitor, peer } = startMonitor({ maxMessagesPerSecond: 10, maxBytesPerSecond: 1000 });
    for (let i = 0; i < 10; i++) expect(monitor.allowsMessage()).toBe(true);
    expect(monitor.allowsBytes(1000)).toBe(true);
    await pass(500);
    expect(monitor.allowsBytes(500)).toBe(true);
    expect(monitor.allowsBytes(100)).toBe(false);
    for (let i = 0; i < 5; i++) expect(monitor.allowsMessage()).toBe(true);
    expect(monitor.allowsMessage()).toBe(false);
    expect(peer.errors.map(({ code, limit, observed, message }) => [code, limit, observed, message])).toEqual([
      ['ERR_RATE_LIMIT', 1000, 1100, 'too many bytes: 1100 within a second (maxBytesPerSecond 1000)'],
      ['ERR_RATE_LIMIT', 10, 11, 'too many messages: 11 within a second (maxMessagesPerSecond 10)'],
    ]);
    const free = startMonitor();
    expect([free.monitor.allowsMessage(), free.monitor.allowsBytes(1e12)]).toEqual([true, true]);
  });

  test.each(['a pause', 'an event loop that stands still'])('allow at once all that came during %s', async (what) => {
    const { monitor, peer } = startMonitor({ maxMessagesPerSecond: 10 });
    for (let i = 0; i < 10; i++) monitor.allowsMessage();
    if (what === 'a pause') {
      monitor.onPause();
      await pass(10_000);
      monitor.onResume();
    } else {
      stall(10_000);
    }
    for (let i = 0; i < 100; i++) expect(monitor.allowsMessage()).toBe(true);
    for (let i = 0; i < 560; i++) monitor.countControlFrame();
    // The time is credited to control frames as well, although none was counted before it.
    expect(peer.calls).toEqual([]);
    for (let i = 0; i < 200; i++) monitor.countControlFrame();
    expect(peer.calls[0]).toBe('ERR_TOO_MANY_CONTROL_FRAMES');
  });

  test('credit a new connection no earlier stall of the event loop', async () => {
    const first = startMonitor();
    stall(100_000);
    first.monitor.countControlFrame();
    const { monitor, peer } = startMonitor({ maxMessagesPerSecond: 10 });
    for (let i = 0; i < 11; i++) monitor.allowsMessage();
    expect(peer.calls).toEqual(['ERR_RATE_LIMIT']);
  });
});
