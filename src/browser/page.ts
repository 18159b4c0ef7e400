const EVENTS = ['online', 'visibilitychange', 'pageshow', 'pagehide', 'freeze', 'resume'];

interface PageEvent {
  readonly type: string;
  readonly persisted?: boolean;
}

type EventMethod = (name: string, listener: (event: PageEvent) => void, capture: true) => void;

interface Page {
  readonly document?: { readonly hidden: boolean };
  readonly addEventListener?: EventMethod;
  readonly removeEventListener?: EventMethod;
}

/**
 * Calls `onReturn` when the network is back, or the page is seen again: made visible, thawed, or out of the back/forward
 * cache. Calls `onStored` when the page goes into that cache, which an open connection would keep it out of. In a worker
 * only the network tells.
 *
 * @returns a function that ends it
 */
export function watchPage(onChange: (isStored: boolean) => void): () => void {
  const page = globalThis as Page;
  const listener = ({ type, persisted }: PageEvent): void => {
    const isStored = type === 'freeze' || type === 'pagehide';
    if (isStored ? persisted !== false : type === 'resume' || !page.document?.hidden) onChange(isStored);
  };
  const each = (method: 'addEventListener' | 'removeEventListener'): void => {
    // Capturing: that a document is shown or hidden, is sent to the document.
    for (const name of EVENTS) page[method]?.(name, listener, true);
  };
  each('addEventListener');
  return () => each('removeEventListener');
}
