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

/**
 * Returns a URL of the user as an error may show it: without user, password, query and fragment.
 *
 * @param text - a URL, or what should have been one
 */
export function nameOfUrl(text: string): string {
  return shown(withoutSecrets(text), MAX_NAME_LENGTH);
}

function withoutSecrets(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  // Where no host follows the scheme, user and password may stand anywhere: in `user:password@host` the user looks like a
  // scheme.
  if (url === undefined || url.host === '') return withoutSecretsOfText(text);
  const { protocol, username, host, pathname, search, hash } = url;
  // A password with a slash, question mark or number sign looks like the port and what follows it.
  const isDoubtful = pathname.includes('@') || (username === '' && (search + hash).includes('@'));
  return isDoubtful ? `${protocol}//…` : `${protocol}//${host}${pathname}`;
}

/** Removes what may be secret from a text that need not be a URL. */
function withoutSecretsOfText(text: string): string {
  const [scheme = ''] = /^\s*(?:[a-z][a-z\d+.-]*:)?\/\//i.exec(text) ?? [];
  const rest = text.slice(scheme.length);
  const credentialsEnd = rest.lastIndexOf('@') + 1;
  const queryStart = rest.search(/[?#]/);
  // Either the password has a question mark, or the query has an at sign.
  if (queryStart >= 0 && queryStart < credentialsEnd) return `${scheme}…`;
  return scheme + rest.slice(credentialsEnd, queryStart < 0 ? undefined : queryStart);
}
