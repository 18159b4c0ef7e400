import type { Role } from '../../../src/protocol/constants.ts';
import type { DeflateParameters } from '../../../src/handshake/permessage-deflate.ts';

/** Bytes that a peer sends behind the handshake. */
export interface StreamCase {
  /** The role of the receiver. */
  readonly role: Role;
  /** Whether compression was negotiated. */
  readonly deflates: boolean;
  readonly bytes: Buffer;
}

/** Limits of the receiver. */
export const STREAM_LIMITS = { maxMessageBytes: 70_000, maxFragments: 20 } as const;

/** The parameters of negotiated compression. */
export const STREAM_DEFLATE: DeflateParameters = {
  serverNoContextTakeover: true,
  clientNoContextTakeover: true,
  serverMaxWindowBits: 15,
  clientMaxWindowBits: 15,
};

/** Formats a case as one line: role of the receiver, compression, and the bytes as hex. */
export function formatStreamCase({ role, deflates, bytes }: StreamCase): string {
  return `${role} ${deflates ? 'deflate' : 'plain'} ${bytes.toString('hex')}`;
}

/**
 * Parses a line of {@link formatStreamCase}. A note may follow behind `#`.
 *
 * @throws Error for any other line
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
