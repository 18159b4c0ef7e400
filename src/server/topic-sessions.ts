import { hash, randomBytes } from 'node:crypto';

/** The base64url of 128 bits. */
const TOKEN = /^[A-Za-z0-9_-]{22}$/;

/**
 * Returns the secret of a session: the one that the client has come back with, or a new one.
 *
 * @param offered - the subprotocols of the client
 * @param prefix - in front of the secret in a subprotocol
 */
export function secretOf(offered: readonly string[], prefix: string): string {
  for (const protocol of offered) {
    if (!protocol.startsWith(prefix)) continue;
    const token = protocol.slice(prefix.length);
    // What is no secret of ours names no session that anybody has: it is as good as none.
    if (TOKEN.test(token)) return token;
  }
  return newSecret();
}

export function newSecret(): string {
  return randomBytes(16).toString('base64url');
}

/**
 * Returns the public id of a session. The secret of another user makes another session, and nobody can tell the secret
 * from the id.
 */
export function sessionIdOf(secret: string, user: string | undefined): string {
  return hash('sha256', user === undefined ? secret : `${secret} ${user}`, 'base64url' as 'base64');
}
