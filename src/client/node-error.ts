import { textOfThrown } from '../errors.ts';

/**
 * Makes an error for Node out of whatever user code threw. Node, and the code that describes its errors, read members
 * of an error, which may throw in a value of the user.
 */
export function toNodeError(thrown: unknown): NodeJS.ErrnoException {
  const error: NodeJS.ErrnoException = new Error(textOfThrown(thrown), { cause: thrown });
  const code = codeOf(thrown);
  if (code !== undefined) error.code = code;
  return error;
}

/** Returns the code of an error, undefined when it has none, or none that can be read. */
export function codeOf(thrown: unknown): string | undefined {
  try {
    const { code } = thrown as { readonly code?: unknown };
    return typeof code === 'string' ? code : undefined;
  } catch {
    return undefined;
  }
}
