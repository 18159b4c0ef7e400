import { TOPICS_PROTOCOL } from '../topics/frames.ts';
import { now } from './clock.ts';
import type { Wire } from './messages.ts';
import type { NativeSocket } from './native-socket.ts';

/** How much later than set a timer runs when the page slept: browsers delay the timers of a hidden page by a second. */
const SLEPT_MS = 2000;

/** When a server is asked, and how. */
export interface LivenessSettings {
  readonly pingIntervalMs: number;
  readonly pongTimeoutMs: number;
  readonly pingMessage: Wire | undefined;
}

/** Watches whether the server of one connection lives. */
export interface Liveness {
  /** Notes a message, or the beginning. Returns true when the message is not for the user. */
  heard(data?: unknown): boolean;
  /** Asks the server at once: the page was asleep. */
  ask(): void;
}

/**
 * Begins to watch a server. A page can send no ping of the protocol, so the server is sent a message that it answers.
 *
 * @param wait - sets the one timer of the connection
 * @param onSilent - called when the server gives no sign of life
 * @returns undefined when there is no such message
 */
export function watchServer(
  { pingIntervalMs, pongTimeoutMs, pingMessage }: LivenessSettings,
  native: NativeSocket,
  wait: (ms: number, act: () => void) => void,
  onSilent: () => void,
): Liveness | undefined {
  const isTopics = native.protocol === TOPICS_PROTOCOL;
  const ping = isTopics ? '{"t":"ping"}' : pingMessage;
  if (ping === undefined) return undefined;
  /** Silence that no living server keeps: its first frame promises one every `aliveMs`. */
  let promisedMs: number | undefined;
  const expect = (ms: number): void => {
    const dueMs = now() + ms;
    // A page that slept has not heard what came meanwhile.
    wait(ms, () => (now() > dueMs + SLEPT_MS ? ask() : onSilent()));
  };
  const ask = (): void => {
    native.send(ping);
    expect(pongTimeoutMs);
  };
  const heard = (data?: unknown): boolean => {
    if (isTopics && data) promisedMs ??= 1.5 * Number(/"aliveMs":(\d+)/.exec(data as string)?.[1]);
    if ((promisedMs as number) < pingIntervalMs) expect(promisedMs as number);
    else wait(pingIntervalMs, ask);
    // oxlint-disable-next-line unicorn/prefer-string-starts-ends-with -- Bytes have no startsWith.
    return isTopics && /^\{"t":"alive"/.test(data as string);
  };
  heard();
  return { heard, ask };
}
