import type { EventEmitter } from 'node:events';

/** An event as listeners of `addEventListener` and `onopen` get it. */
class WsEvent {
  readonly type: string;
  readonly target: unknown;

  constructor(type: string, target: unknown) {
    this.type = type;
    this.target = target;
  }
}

/** The event of 'message'. `data` is a string for a text. */
class WsMessageEvent extends WsEvent {
  readonly data: unknown;

  constructor(target: unknown, data: unknown) {
    super('message', target);
    this.data = data;
  }
}

/** The event of 'close'. */
class WsCloseEvent extends WsEvent {
  readonly code: number;
  readonly reason: string;
  /** Whether both sides have sent a close frame. */
  readonly wasClean: boolean;

  constructor(target: unknown, code: number, reason: string, wasClean: boolean) {
    super('close', target);
    this.code = code;
    this.reason = reason;
    this.wasClean = wasClean;
  }
}

/** The event of 'error'. */
class WsErrorEvent extends WsEvent {
  readonly error: unknown;
  readonly message: string;

  constructor(target: unknown, error: Error) {
    super('error', target);
    this.error = error;
    this.message = error.message;
  }
}

/** A function, or an object with a method for events. */
export type WsEventListener = ((event: never) => void) | { handleEvent(event: never): void };

/** The events that `addEventListener` knows. All others are heard with `on`. */
export type WsEventType = 'open' | 'message' | 'close' | 'error';

/** What a WebSocket tells its event listeners of its end. */
export interface EventSource extends EventEmitter {
  readonly hasClosedCleanly: boolean;
}

type EmitterListener = (...args: unknown[]) => void;

/** A listener of the emitter that calls one of the user's event listeners. */
interface Adapter {
  readonly listener: WsEventListener;
  /** Whether it was set as `onopen` and the like. */
  readonly isAttribute: boolean;
}

const adapters = new WeakMap<object, Adapter>();

function createEvent(source: EventSource, type: WsEventType, args: readonly unknown[]): WsEvent {
  const [first, second] = args;
  if (type === 'message') {
    return new WsMessageEvent(source, second === true ? first : (first as Buffer).toString());
  }
  if (type === 'close') {
    return new WsCloseEvent(source, first as number, (second as Buffer).toString(), source.hasClosedCleanly);
  }
  return type === 'error' ? new WsErrorEvent(source, first as Error) : new WsEvent(type, source);
}

function callListener(listener: WsEventListener, source: EventSource, event: WsEvent): void {
  if (typeof listener === 'function') (listener as (event: WsEvent) => void).call(source, event);
  else listener.handleEvent(event as never);
}

function find(
  source: EventSource,
  type: string,
  matches: (adapter: Adapter) => boolean,
): { readonly adapter: Adapter; readonly emitted: EmitterListener } | undefined {
  for (const emitted of source.listeners(type)) {
    const adapter = adapters.get(emitted);
    if (adapter !== undefined && matches(adapter)) return { adapter, emitted: emitted as EmitterListener };
  }
  return undefined;
}

function add(source: EventSource, type: WsEventType, adapter: Adapter, once: boolean): void {
  const emitted = (...args: unknown[]): void => {
    callListener(adapter.listener, source, createEvent(source, type, args));
  };
  adapters.set(emitted, adapter);
  if (once) source.once(type, emitted);
  else source.on(type, emitted);
}

function isEventType(type: string): type is WsEventType {
  return type === 'open' || type === 'message' || type === 'close' || type === 'error';
}

/** Adds an event listener, unless it listens to this type already. Types other than the four are ignored, as in ws. */
export function addEventListener(source: EventSource, type: string, listener: WsEventListener, once: boolean): void {
  const isListener = typeof listener === 'function' || (typeof listener === 'object' && listener !== null);
  if (!isEventType(type) || !isListener) return;
  const isKnown = (adapter: Adapter): boolean => adapter.listener === listener && !adapter.isAttribute;
  if (find(source, type, isKnown) === undefined) add(source, type, { listener, isAttribute: false }, once);
}

/** Removes an event listener that was added by {@link addEventListener}. */
export function removeEventListener(source: EventSource, type: string, listener: WsEventListener): void {
  const found = find(source, type, (adapter) => adapter.listener === listener && !adapter.isAttribute);
  if (found !== undefined) source.removeListener(type, found.emitted);
}

/** Returns what was set as `onopen` and the like, null for nothing. */
export function attributeOf(source: EventSource, type: WsEventType): ((event: never) => void) | null {
  const listener = find(source, type, (adapter) => adapter.isAttribute)?.adapter.listener;
  // Only functions are set as attributes.
  return typeof listener === 'function' ? listener : null;
}

/** Sets what `onopen` and the like call. Everything that is no function removes what was set. */
export function setAttribute(source: EventSource, type: WsEventType, listener: unknown): void {
  const found = find(source, type, (adapter) => adapter.isAttribute);
  if (found !== undefined) source.removeListener(type, found.emitted);
  if (typeof listener === 'function') {
    add(source, type, { listener: listener as WsEventListener, isAttribute: true }, false);
  }
}
