import { URL } from 'node:url';

/**
 * Returns a URL of the user as logs and errors may show it: without user, password, query and fragment. Never throws.
 *
 * @param url - a URL, or what should have been one
 * @returns `''` for what is no text
 */
export function toPublicUrl(url: unknown): string {
  if (typeof url !== 'string') return '';
  const parsed = parse(url);
  // Where no host follows the scheme, user and password may stand anywhere: in `user:password@host` the user looks like a
  // scheme.
  if (parsed === undefined || parsed.host === '') return withoutSecrets(url);
  const { protocol, username, host, pathname, search, hash } = parsed;
  // A password with a slash, question mark or number sign looks like the port and what follows it.
  const isDoubtful = pathname.includes('@') || (username === '' && (search + hash).includes('@'));
  return isDoubtful ? `${protocol}//…` : `${protocol}//${host}${pathname}`;
}

/** Returns the path of a request's target, without query; `''` when there is none. */
export function toPublicPath(target: string): string {
  // A target may be a whole URL, with user and password.
  return target.startsWith('/') ? target.replace(/[?#].*$/s, '') : (parse(target)?.pathname ?? '');
}

/** Returns what an Origin header may show: scheme, host and port. */
export function toPublicOrigin(origin: string): string | undefined {
  const parsed = parse(origin);
  return parsed && `${parsed.protocol}//${parsed.host}`;
}

function parse(text: string): URL | undefined {
  return URL.canParse(text) ? new URL(text) : undefined;
}

/** Removes what may be secret from a text that need not be a URL. */
function withoutSecrets(text: string): string {
  const [scheme = ''] = /^\s*(?:[a-z][a-z\d+.-]*:)?\/\//i.exec(text) ?? [];
  const rest = text.slice(scheme.length);
  const credentialsEnd = rest.lastIndexOf('@') + 1;
  const queryStart = rest.search(/[?#]/);
  // Either the password has a question mark, or the query has an at sign.
  if (queryStart >= 0 && queryStart < credentialsEnd) return `${scheme}…`;
  return scheme + rest.slice(credentialsEnd, queryStart < 0 ? undefined : queryStart);
}
