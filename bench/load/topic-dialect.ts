import { randomBytes } from 'node:crypto';
import { requestOf } from './handshake.ts';
import { frameOf } from './frames.ts';

/** How clients of a server with rooms or topics speak. */
export type DialectName = 'topics' | 'socketio' | 'bare';

/** What a client keeps of a connection, to come back. */
export interface Session {
  /** The secret of the session. */
  readonly id: string;
  /** Of the last message. */
  readonly position: string;
}

/** What the text of a server means: a step of the beginning, a message, or nothing. */
interface Meaning {
  /** What the client sends next. */
  readonly answer?: string;
  readonly session?: string;
  /** How many topics the connection is in from now on. */
  readonly joined?: number;
  readonly data?: { readonly n: number };
  readonly position?: string;
}

interface Dialect {
  request(session: Session | undefined): string;
  read(text: string, topics: readonly string[], session: Session | undefined): Meaning;
  message(data: object): string;
}

/** The frames of a server of `4d-topics.1`, as `docs` describe the protocol. */
interface TopicFrame {
  readonly t: string;
  readonly session?: string;
  readonly pos?: string;
  readonly state?: string;
  readonly data?: { readonly n: number };
}

export const DIALECTS: Readonly<Record<DialectName, Dialect>> = {
  topics: {
    request: (session) =>
      requestOf('/bench', [`Sec-WebSocket-Protocol: 4d-topics.1${session ? `, session.${session.id}` : ''}`]),
    read(text, topics, session) {
      const { t, pos, state, data, ...frame } = JSON.parse(text) as TopicFrame;
      if (t === 'hi') {
        const since = session?.position ?? 'now';
        const wanted = topics.map((name) => ({ topic: name, since }));
        const answer = JSON.stringify({ t: 'sub', topic: wanted });
        return { ...(topics.length > 0 && { answer }), session: frame.session ?? '' };
      }
      const position = pos === undefined ? {} : { position: pos };
      if (t === 'm' && data !== undefined) return { data, ...position };
      if (t === 'live' || t === 'alive') return {};
      if (t !== 'subbed' || state === 'gap') throw new Error(`unexpected: ${text}`);
      return { joined: 1, ...position };
    },
    message: (data) => JSON.stringify({ t: 'msg', data }),
  },
  socketio: {
    request: () => requestOf('/socket.io/?EIO=4&transport=websocket'),
    read(text, topics, session) {
      if (text.startsWith('0'))
        return { answer: `40${session ? JSON.stringify({ pid: session.id, offset: session.position }) : ''}` };
      if (text.startsWith('40')) {
        const { pid = '' } = JSON.parse(text.slice(2)) as { pid?: string };
        if (session !== undefined && pid !== session.id) throw new Error('the session was not recovered');
        if (session !== undefined || topics.length === 0) return { session: pid, joined: topics.length };
        return { session: pid, answer: `420${JSON.stringify(['join', topics])}` };
      }
      if (text.startsWith('430')) return { joined: topics.length };
      if (text === '2') return { answer: '3' };
      if (!text.startsWith('42')) throw new Error(`unexpected: ${text}`);
      const [, data, position] = JSON.parse(text.slice(2)) as [string, { n: number }, string?];
      return { data, ...(position !== undefined && { position }) };
    },
    message: (data) => `42${JSON.stringify(['m', data])}`,
  },
  bare: {
    request: () => requestOf('/'),
    read(text, topics) {
      const { t, data } = JSON.parse(text) as TopicFrame;
      return t === 'hi' ? { session: '', joined: topics.length } : { ...(data !== undefined && { data }) };
    },
    message: (data) => JSON.stringify({ t: 'm', data }),
  },
};

/** Builds the frame of a client. */
export function clientFrame(text: string): Buffer {
  return frameOf(Buffer.from(text), 0x81, true);
}

/** A text that differs from each other one, so that no server can do the work of two messages once. */
export function textOf(bytes: number): string {
  return randomBytes(Math.ceil(bytes / 2)).toString('hex');
}

/** Calls back for the payload of each whole frame of `bytes`, and returns how many bytes these frames have. */
export function readFrames(bytes: Buffer, onText: (payload: Buffer) => void): number {
  let at = 0;
  while (at + 2 <= bytes.length) {
    const short = bytes[at + 1] as number;
    const begin = at + (short < 126 ? 2 : short === 126 ? 4 : 10);
    if (begin > bytes.length) break;
    const length =
      short < 126 ? short : short === 126 ? bytes.readUInt16BE(at + 2) : Number(bytes.readBigUInt64BE(at + 2));
    if (begin + length > bytes.length) break;
    if (bytes[at] !== 0x81) throw new Error(`a frame that begins with ${bytes[at]}`);
    onText(bytes.subarray(begin, begin + length));
    at = begin + length;
  }
  return at;
}
