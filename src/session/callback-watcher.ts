import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { CHANNEL_NAMES } from '../diagnostics/channels.ts';

/** Hears of the callbacks of all sockets and servers of this process: the testing kit. Its methods must not throw. */
export interface CallbackWatcher {
  /** A callback is about to run, whether the handler has it or not. */
  onCallback(subject: object, event: { readonly type: string }): void;
  /** The callback has returned, or its promise has settled. */
  onCallbackOver(subject: object, event: { readonly type: string }): void;
}

let watcher: CallbackWatcher | undefined;

/** Has a subscriber on the channel of messages make every callback one that is timed, and so seen. */
function subscriber(): void {}

/**
 * Sets the one watcher of this process; undefined for none.
 *
 * @remarks Callbacks look for a watcher only when they are timed. So a program without a watcher pays for none.
 */
export function watchCallbacks(replacement: CallbackWatcher | undefined): void {
  if (watcher !== undefined) unsubscribe(CHANNEL_NAMES.message, subscriber);
  watcher = replacement;
  if (watcher !== undefined) subscribe(CHANNEL_NAMES.message, subscriber);
}

/** The watcher of this process, undefined for none. */
export function callbackWatcher(): CallbackWatcher | undefined {
  return watcher;
}
