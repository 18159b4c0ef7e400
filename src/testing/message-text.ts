const MAX_SHOWN_LENGTH = 80;

/** Shows a message in an error of a test. */
export function showMessage(message: unknown): string {
  const text = message instanceof Uint8Array ? `<${Buffer.from(message).toString('hex')}>` : toJson(message);
  return text.length > MAX_SHOWN_LENGTH ? `${text.slice(0, MAX_SHOWN_LENGTH)}…` : text;
}

function toJson(message: unknown): string {
  try {
    return JSON.stringify(message) ?? String(message);
  } catch {
    return String(message);
  }
}
