import { upgradeRequest } from './frames.ts';

/** What a client keeps of a connection, to come back: the secret of the session, and the position of the last message. */
export type Session = Readonly<Record<'id' | 'position', string>>;

/** What the text of a server means: what to send next, a session, topics that are joined, a message with its position. */
interface Meaning {
  readonly answer?: string;
  readonly session?: string;
  readonly joined?: number;
  readonly n?: number;
  readonly position?: string | undefined;
}

interface Dialect {
  request(session: Session | undefined): string;
  read(text: string, topics: readonly string[], session: Session | undefined): Meaning;
  message(data: object): string;
}

/** `4d-topics.1`, as `docs` describe it. The bare sockets of `node:net` speak it too. */
const topics: Dialect = {
  request(session) {
    return upgradeRequest('/', [`Sec-WebSocket-Protocol: 4d-topics.1${session ? `, session.${session.id}` : ''}`]);
  },
  read(text, names, session) {
    const frame = JSON.parse(text) as Record<'t' | 'session' | 'pos' | 'state', string> & { data?: { n: number } };
    if (frame.t === 'hi') {
      const topic = names.map((name) => ({ topic: name, since: session?.position ?? 'now' }));
      return { session: frame.session, ...(topic.length > 0 && { answer: JSON.stringify({ t: 'sub', topic }) }) };
    }
    if (frame.data !== undefined) return { n: frame.data.n, position: frame.pos };
    if (frame.t === 'subbed' && frame.state !== 'gap') return { joined: 1 };
    if (frame.t === 'live' || frame.t === 'alive') return {};
    throw new Error(`unexpected: ${text}`);
  },
  message: (data) => JSON.stringify({ t: 'msg', data }),
};

const socketio: Dialect = {
  request: () => upgradeRequest('/socket.io/?EIO=4&transport=websocket'),
  read(text, names, session) {
    if (text.startsWith('0')) {
      return { answer: `40${session ? JSON.stringify({ pid: session.id, offset: session.position }) : ''}` };
    }
    if (text.startsWith('40')) {
      const { pid = '' } = JSON.parse(text.slice(2)) as { pid?: string };
      if (session !== undefined && pid !== session.id) throw new Error('the session was not recovered');
      if (session !== undefined || names.length === 0) return { session: pid, joined: names.length };
      return { session: pid, answer: `420${JSON.stringify(['join', names])}` };
    }
    if (text.startsWith('430')) return { joined: names.length };
    if (!text.startsWith('42')) throw new Error(`unexpected: ${text}`);
    const [, { n }, position] = JSON.parse(text.slice(2)) as [string, { n: number }, string?];
    return { n, position };
  },
  message: (data) => `42${JSON.stringify(['m', data])}`,
};

export const DIALECTS = { topics, socketio } as const;
