import { ignoreRejection } from '../base/promises.ts';

/** What is called when a signal is aborted, and the one listener of that signal which calls it. */
interface SharedListener {
  readonly callbacks: Set<() => void>;
  readonly listener: () => void;
}

/** The shared listeners by their signal. A signal without callbacks has none. */
const sharedListeners = new WeakMap<AbortSignal, SharedListener>();

/**
 * Calls `callback` when the signal is aborted, until {@link forgetAbort}. The callbacks of a signal are called in the
 * order of their registration.
 *
 * @remarks All clients with one signal share one listener, because Node warns of a leak at the eleventh listener.
 * @param callback - registered once at most; must not throw
 */
export function listenForAbort(signal: AbortSignal, callback: () => void): void {
  let shared = sharedListeners.get(signal);
  if (shared === undefined) {
    const callbacks = new Set<() => void>();
    shared = {
      callbacks,
      listener: () => {
        for (const each of callbacks) each();
      },
    };
    ignoreRejection(signal.addEventListener('abort', shared.listener));
    sharedListeners.set(signal, shared);
  }
  shared.callbacks.add(callback);
}

/** Takes back {@link listenForAbort}. The signal keeps no listener when nobody waits for it any more. */
export function forgetAbort(signal: AbortSignal, callback: () => void): void {
  const shared = sharedListeners.get(signal);
  if (shared?.callbacks.delete(callback) !== true || shared.callbacks.size > 0) return;
  sharedListeners.delete(signal);
  ignoreRejection(signal.removeEventListener('abort', shared.listener));
}
