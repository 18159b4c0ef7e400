import type { Role } from '../../../src/protocol/constants.ts';
import type { DeflateParameters } from '../../../src/handshake/permessage-deflate.ts';

/** Bytes that a peer sends behind the handshake. */
export interface StreamCase {
  /** Who gets them. */
  readonly role: Role;
  /** Whether compression was agreed on. */
  readonly deflates: boolean;
  readonly bytes: Buffer;
}

/** Limits of whoever gets the bytes. */
export const STREAM_LIMITS = { maxMessageBytes: 70_000, maxFragments: 20 } as const;

/** What is agreed on where compression is. */
export const STREAM_DEFLATE: DeflateParameters = {
  serverNoContextTakeover: true,
  clientNoContextTakeover: true,
  serverMaxWindowBits: 15,
  clientMaxWindowBits: 15,
};

/** Writes a case as one line: who gets it, how, and the bytes as hex. */
export function formatStreamCase({ role, deflates, bytes }: StreamCase): string {
  return `${role} ${deflates ? 'deflate' : 'plain'} ${bytes.toString('hex')}`;
}

/**
 * Reads what {@link formatStreamCase} writes. A note may follow behind `#`.
 *
 * @throws Error for what it does not understand
 */
export function parseStreamCase(line: string): StreamCase {
  const [role, compression, hex = ''] = (line.split('#', 1)[0] as string).trim().split(/\s+/);
  const bytes = Buffer.from(hex, 'hex');
  const isRole = role === 'client' || role === 'server';
  if (!isRole || (compression !== 'deflate' && compression !== 'plain') || bytes.length * 2 !== hex.length) {
    throw new Error(`not a stream: "${line}" (write "server plain 8180…")`);
  }
  return { role, deflates: compression === 'deflate', bytes };
}
