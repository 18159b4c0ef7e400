/** Returns a URL without user, password, query and fragment, which may be secret; `''` when it cannot be read. */
export function toPublicUrl(url: unknown): string {
  const parsed = parse(url);
  return parsed === undefined ? '' : `${parsed.protocol}//${parsed.host}${parsed.pathname}`;
}

/** Returns the path of a request's target, without query. */
export function toPublicPath(target: string): string {
  // A target may be a whole URL, with user and password.
  return target.startsWith('/') ? target.replace(/[?#].*$/s, '') : (parse(target)?.pathname ?? '');
}

/** Returns what an Origin header may show: scheme, host and port. */
export function toPublicOrigin(origin: string | undefined): string | undefined {
  const parsed = parse(origin);
  return parsed && `${parsed.protocol}//${parsed.host}`;
}

function parse(text: unknown): URL | undefined {
  return typeof text === 'string' && URL.canParse(text) ? new URL(text) : undefined;
}
