import { join } from 'node:path';
import type { Command, Tool } from './tools.ts';

/**
 * The programs in `peers/` are echo peers: one file for each other library, plain enough to be compared with its
 * documentation. Each one
 *
 * - listens on a free port of 127.0.0.1 and prints `listening PORT`, or prints `ready` when its library has no server;
 * - reads lines from stdin, `URL SUBPROTOCOLS ORIGIN`, and connects as a client; `-` stands for none, and the
 *   subprotocols `[]` for an empty list. The program ends when its input does;
 * - sends each message back, whether it is server or client, except for these texts: `!ping` sends a ping, `!fragments`
 *   sends {@link FRAGMENTED_TEXT} in fragments, `!close CODE REASON` closes the connection;
 * - chooses the subprotocol `chat`, as a server, when the client offers it;
 * - compresses as its library does by default; where that is not at all, compresses on a path that begins with
 *   `/compressed`;
 * - prints `opened PATH SUBPROTOCOL`, `closed PATH CODE REASON`, `refused PATH STATUS`, and `failed PATH TEXT`.
 */
const folder = join(import.meta.dirname, 'peers');

/** The message that a peer sends in fragments. */
export const FRAGMENTED_TEXT = ['one ', 'two ', 'three '].map((word) => word.repeat(1000)).join('');

/** What the peer is: a server for the library's client, or a client of the library's server. */
export type PeerRole = 'server' | 'client';

/** How a peer behaves in one of its roles, where peers differ. */
export interface PeerBehaviour {
  /** Whether the library of the peer compresses without being told to. */
  readonly compressesByDefault: boolean;
  /** Code in the close frame that answers a close frame with 4001. */
  readonly closeAnswer: number;
  /** Forms in which the library of a client may name its own host as origin, with PORT for the port of the server. */
  readonly originForms?: readonly string[];
  /** Whether a client that is given an empty list of subprotocols sends an empty header. */
  readonly sendsEmptyProtocols?: boolean;
  /** Whether a client refers to earlier messages although the server's answer has `client_no_context_takeover`. */
  readonly ignoresNoContextTakeover?: boolean;
}

/** Another WebSocket library, and the program that tries it. */
export interface Peer extends Tool {
  /** Builds the program into a file, when it is not a script. */
  readonly build?: (file: string) => Command;
  /** Starts the program, which may have been built into a file. */
  readonly start: (file: string) => Command;
  readonly roles: Readonly<Partial<Record<PeerRole, PeerBehaviour>>>;
  /** Whether the library can compress at all. */
  readonly compresses: boolean;
  /** Whether the library can send a message in fragments. */
  readonly fragments: boolean;
  /** Whether the library sends reasons of closes, and tells them, their codes, and the status of a refusal. */
  readonly tellsReasons: boolean;
}

/** By default the interpreter that Debian's packages belong to: another `python3` may come first in the PATH. */
const PYTHON = process.env['PEERS_PYTHON'] ?? '/usr/bin/python3';
/** Debian's Go packages are found by the path of their folders. */
const GO: Command = ['env', 'GO111MODULE=off', 'GOPATH=/usr/share/gocode', 'go'];

function pythonPeer(module: string, version: string): Pick<Peer, 'version' | 'packages' | 'start'> {
  return {
    version: [PYTHON, '-c', `import ${module}; print(${version})`],
    packages: `python3-${module}`,
    start: () => [PYTHON, join(folder, `python-${module}.py`)],
  };
}

function goPeer(file: string, debianPackage: string): Pick<Peer, 'version' | 'packages' | 'build' | 'start'> {
  return {
    version: ['sh', '-c', `go version > /dev/null && dpkg-query --showformat '\${Version}' --show ${debianPackage}`],
    packages: `golang-go ${debianPackage}`,
    build: (built) => [...GO, 'build', '-o', built, join(folder, file)],
    start: (built) => [built],
  };
}

export const peers: readonly Peer[] = [
  {
    name: 'Python websockets',
    ...pythonPeer('websockets', 'websockets.__version__'),
    roles: {
      server: { compressesByDefault: true, closeAnswer: 4001 },
      client: { compressesByDefault: true, closeAnswer: 4001, sendsEmptyProtocols: true },
    },
    compresses: true,
    fragments: true,
    tellsReasons: true,
  },
  {
    name: 'Tornado',
    ...pythonPeer('tornado', 'tornado.version'),
    roles: {
      server: { compressesByDefault: false, closeAnswer: 4001 },
      client: {
        compressesByDefault: false,
        closeAnswer: 4001,
        sendsEmptyProtocols: true,
        ignoresNoContextTakeover: true,
      },
    },
    compresses: true,
    fragments: false,
    tellsReasons: true,
  },
  {
    name: 'aiohttp',
    ...pythonPeer('aiohttp', 'aiohttp.__version__'),
    roles: {
      server: { compressesByDefault: true, closeAnswer: 1000 },
      client: { compressesByDefault: false, closeAnswer: 1000 },
    },
    compresses: true,
    fragments: false,
    tellsReasons: true,
  },
  {
    name: 'websocket-client',
    version: [PYTHON, '-c', 'import websocket; print(websocket.__version__)'],
    packages: 'python3-websocket',
    start: () => [PYTHON, join(folder, 'python-websocket-client.py')],
    roles: { client: { compressesByDefault: false, closeAnswer: 1000 } },
    compresses: false,
    fragments: true,
    tellsReasons: true,
  },
  {
    name: 'Mojolicious',
    version: ['perl', '-MMojolicious', '-e', 'print Mojolicious->VERSION'],
    packages: 'libmojolicious-perl',
    start: () => ['perl', join(folder, 'perl-mojolicious.pl')],
    roles: {
      server: {
        compressesByDefault: false,
        closeAnswer: 4001,
      },
      client: { compressesByDefault: false, closeAnswer: 4001, ignoresNoContextTakeover: true },
    },
    compresses: true,
    fragments: true,
    tellsReasons: true,
  },
  {
    name: 'Go gorilla/websocket',
    ...goPeer('go-gorilla.go', 'golang-github-gorilla-websocket-dev'),
    roles: {
      server: { compressesByDefault: false, closeAnswer: 4001 },
      client: { compressesByDefault: false, closeAnswer: 4001 },
    },
    compresses: true,
    fragments: true,
    tellsReasons: true,
  },
  {
    name: 'Go x/net/websocket',
    ...goPeer('go-x-net.go', 'golang-golang-x-net-dev'),
    roles: {
      server: { compressesByDefault: false, closeAnswer: 1000 },
      client: {
        compressesByDefault: false,
        closeAnswer: 1000,
        // The second one is that of the documentation's example.
        originForms: ['http://127.0.0.1:PORT', 'http://127.0.0.1:PORT/', 'ws://127.0.0.1:PORT', 'ws://127.0.0.1:PORT/'],
      },
    },
    compresses: false,
    fragments: false,
    tellsReasons: false,
  },
  {
    name: 'Java HttpClient',
    version: ['javac', '--version'],
    packages: 'openjdk-17-jdk-headless',
    start: () => ['java', join(folder, 'java-http-client.java')],
    roles: { client: { compressesByDefault: false, closeAnswer: 4001 } },
    compresses: false,
    fragments: true,
    tellsReasons: true,
  },
];
