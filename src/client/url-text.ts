import { toPublicUrl } from '../base/public-url.ts';
import { shown } from '../session/shown-text.ts';

/** Longest part of a URL that an error shows, in characters. */
const MAX_NAME_LENGTH = 200;

/**
 * Returns the text of a URL object, of whatever library or realm, as it is now; any other value as it is. Never throws.
 */
export function toUrlText(value: unknown): unknown {
  try {
    if (typeof value !== 'object' || value === null) return value;
    const { href } = value as { readonly href?: unknown };
    return typeof href === 'string' ? href : value;
  } catch {
    // Getters of the user may throw. Such an object is no URL.
    return value;
  }
}

/** Returns a URL of the user, or what should have been one, as an error may show it: {@link toPublicUrl}, on one line. */
export function nameOfUrl(text: string): string {
  return shown(toPublicUrl(text), MAX_NAME_LENGTH);
}

/** Returns the URL of a client as `util.inspect` shows it; undefined for one that no client can use. */
export function usableUrl(url: unknown): string | undefined {
  return typeof url === 'string' && /^(?:wss?|https?)(?:\+unix)?:/i.test(url) ? toPublicUrl(url) : undefined;
}
