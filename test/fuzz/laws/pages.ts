import fc from 'fast-check';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { expect } from 'vitest';
import { WebSocketServer, type WebSocketServerOptions } from '../../../src/index.ts';
import { handshakeRequest } from '../../helpers/handshake-request.ts';
import { turns } from '../../helpers/turns.ts';
import { defineLaw, type Law } from '../law.ts';
import { MemorySocket } from '../memory-socket.ts';

/** Spellings of hosts. Spellings of one host have the same value. */
const HOSTS: Readonly<Record<string, string>> = {
  'example.com': 'example.com',
  'EXAMPLE.com': 'example.com',
  'sub.example.com': 'sub.example.com',
  'a.sub.Example.com': 'a.sub.example.com',
  'notexample.com': 'notexample.com',
  'example.com.evil.example': 'example.com.evil.example',
  'bücher.example': 'xn--bcher-kva.example',
  'BÜCHER.example': 'xn--bcher-kva.example',
  'xn--bcher-kva.example': 'xn--bcher-kva.example',
  'bucher.example': 'bucher.example',
  '192.0.2.7': '192.0.2.7',
  '[2001:db8::7]': '[2001:db8::7]',
  '[2001:DB8:0:0::7]': '[2001:db8::7]',
};
const PORTS = ['', '80', '443', '8080', '8081'] as const;
const DEFAULT_PORTS: Readonly<Record<string, string>> = { http: '80', https: '443' };

interface Place {
  /** A key of {@link HOSTS}. */
  readonly host: string;
  readonly port: string;
}

const place: fc.Arbitrary<Place> = fc.record({
  host: fc.constantFrom(...Object.keys(HOSTS)),
  port: fc.constantFrom(...PORTS),
});

/** Generates mostly the same place, sometimes one whose host or port is the same or alike. */
function near(from: Place): fc.Arbitrary<Place> {
  const own = HOSTS[from.host] as string;
  const same = Object.keys(HOSTS).filter((host) => HOSTS[host] === own);
  const alike = Object.keys(HOSTS).filter((host) => HOSTS[host]!.includes(own) || own.includes(HOSTS[host]!));
  return fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...same).map((host) => ({ host, port: from.port })) },
    { weight: 2, arbitrary: place.map(({ port }) => ({ host: from.host, port })) },
    { weight: 2, arbitrary: fc.constantFrom(...alike).map((host) => ({ host, port: from.port })) },
    { weight: 1, arbitrary: place.map(({ host }) => ({ host, port: from.port })) },
    { weight: 1, arbitrary: place },
  );
}

function write({ host, port }: Place): string {
  return port === '' ? host : `${host}:${port}`;
}

interface Origin {
  readonly scheme: string;
  readonly at: Place;
  /** Mostly `''`. Anything else makes the text no origin. */
  readonly behind: string;
}

function originNear(from: Place): fc.Arbitrary<Origin> {
  return fc.record({
    scheme: fc.constantFrom('http', 'http', 'https', 'HTTP', 'Https', 'ftp'),
    at: near(from),
    behind: fc.oneof(
      { weight: 12, arbitrary: fc.constant('') },
      {
        weight: 1,
        arbitrary: fc.constantFrom('@example.com', ':80.evil.example', ':80:80', '/path', ' http://example.com'),
      },
    ),
  });
}

function writeOrigin({ scheme, at, behind }: Origin): string {
  return `${scheme}://${write(at)}${behind}`;
}

/** A client with the settings of the server that it meets. */
interface Meeting {
  readonly host: Place;
  readonly origin: Origin | undefined;
  readonly isEncrypted: boolean;
  /** The address of the socket's peer: the nearest proxy, or the client. */
  readonly from: string;
  /** What stands in X-Forwarded-For, a line for each array. */
  readonly chain: readonly (readonly string[])[];
  readonly forwardedHost: Place | undefined;
  readonly forwardedProto: string | undefined;
  readonly trustsProxies: boolean;
  /** Without suffixes: an option must hold origins. */
  readonly listed: readonly Omit<Origin, 'behind'>[] | undefined;
  readonly hosts: readonly Place[] | undefined;
  /** Whether the hosts of the list stand for all names below them. Addresses have none. */
  readonly isWildcard: boolean;
}

const TRUSTED_PREFIX = '10.';
const address = fc.constantFrom('10.0.0.1', '10.9.9.9', '192.0.2.1', '198.51.100.2', '2001:db8::9');

const meeting: fc.Arbitrary<Meeting> = place.chain((base) =>
  fc.record({
    host: near(base),
    origin: fc.option(originNear(base), { nil: undefined, freq: 8 }),
    isEncrypted: fc.boolean(),
    from: address,
    chain: fc.array(fc.array(address, { minLength: 1, maxLength: 3 }), { maxLength: 2 }),
    forwardedHost: fc.option(near(base), { nil: undefined, freq: 2 }),
    forwardedProto: fc.constantFrom(undefined, undefined, 'http', 'https', 'WSS'),
    trustsProxies: fc.boolean(),
    listed: fc.option(fc.array(originNear(base), { minLength: 1, maxLength: 2 }), { nil: undefined, freq: 2 }),
    hosts: fc.option(fc.array(near(base), { minLength: 1, maxLength: 2 }), { nil: undefined, freq: 2 }),
    isWildcard: fc.boolean(),
  }),
);

/** How the server must answer, and the address that it must show. */
interface Expected {
  readonly status: number;
  readonly address: string;
}

function hostPattern({ host, port }: Place, isWildcard: boolean): string {
  return write({ host: isWildcard && /[a-z]$/i.test(host) ? `*.${host}` : host, port });
}

function matchesHost(pattern: Place, isWildcard: boolean, asked: Place): boolean {
  const [own, theirs] = [HOSTS[pattern.host] as string, HOSTS[asked.host] as string];
  const isHost = isWildcard && /[a-z]$/.test(own) ? theirs.endsWith(`.${own}`) : theirs === own;
  const isPort =
    pattern.port === '' || (asked.port === '' ? ['80', '443'].includes(pattern.port) : asked.port === pattern.port);
  return isHost && isPort;
}

function normalize({ scheme, at }: Omit<Origin, 'behind'>): string {
  const name = scheme.toLowerCase();
  return `${name} ${HOSTS[at.host]} ${at.port || (DEFAULT_PORTS[name] ?? '')}`;
}

function isOriginAllowed({ origin, listed }: Meeting, asked: Place, isSecure: boolean): boolean {
  if (origin === undefined) return true;
  if (origin.behind !== '') return false;
  if (listed !== undefined) return listed.some((each) => normalize(each) === normalize(origin));
  const scheme = origin.scheme.toLowerCase();
  const port = asked.port || DEFAULT_PORTS[scheme];
  return (
    (isSecure ? scheme === 'https' : scheme in DEFAULT_PORTS) &&
    normalize(origin) === `${scheme} ${HOSTS[asked.host]} ${port}`
  );
}

function expectedAt(given: Meeting): Expected {
  const isProxied = given.trustsProxies && given.from.startsWith(TRUSTED_PREFIX);
  const asked = (isProxied ? given.forwardedHost : undefined) ?? given.host;
  const isSecure = given.isEncrypted || (isProxied && /^(?:https|wss)$/i.test(given.forwardedProto ?? ''));
  let client = given.from;
  const chain = given.chain.flat();
  while (given.trustsProxies && client.startsWith(TRUSTED_PREFIX) && chain.length > 0) client = chain.pop() as string;
  const { hosts, isWildcard } = given;
  const isHostAllowed = hosts === undefined || hosts.some((pattern) => matchesHost(pattern, isWildcard, asked));
  const status = !isHostAllowed ? 421 : !isOriginAllowed(given, asked, isSecure) ? 403 : 101;
  return { status, address: client };
}

function optionsOf({
  listed,
  hosts,
  isWildcard,
  trustsProxies,
}: Meeting): Pick<WebSocketServerOptions, 'origins' | 'hosts' | 'trustedProxies'> {
  return {
    origins: listed?.map((each) => writeOrigin({ ...each, behind: '' })),
    hosts: hosts?.map((each) => hostPattern(each, isWildcard)),
    trustedProxies: trustsProxies ? [`${TRUSTED_PREFIX}0.0.0/8`] : undefined,
  };
}

/** Writes the request as UTF-8, in which names beyond ASCII are valid as typed. */
function requestOf({ host, origin, chain, forwardedHost, forwardedProto }: Meeting): Buffer {
  const headers = [
    `Host: ${write(host)}`,
    ...(origin === undefined ? [] : [`Origin: ${writeOrigin(origin)}`]),
    ...chain.map((line) => `X-Forwarded-For: ${line.join(', ')}`),
    ...(forwardedHost === undefined ? [] : [`X-Forwarded-Host: ${write(forwardedHost)}`]),
    ...(forwardedProto === undefined ? [] : [`X-Forwarded-Proto: ${forwardedProto}`]),
  ];
  return Buffer.from(handshakeRequest({ without: ['Host'], headers }), 'utf8');
}

/** Lets a client meet a server in memory, and returns how the server answered. */
async function meet(given: Meeting): Promise<{ status: number; address: string | undefined }> {
  const http = createServer();
  let shown: string | undefined;
  const wss = WebSocketServer.new(
    {
      onConnection(_, { request }) {
        shown = request.remoteAddress;
        return { onMessage() {} };
      },
    },
    { ...optionsOf(given), webServer: http },
  )!;
  await turns(1);
  const [peer, socket] = MemorySocket.pair([1_000_000]);
  Object.assign(socket, { remoteAddress: given.from, encrypted: given.isEncrypted });
  http.emit('connection', socket);
  peer.write(requestOf(given));
  const [answer] = (await once(peer, 'data')) as [Buffer];
  peer.destroy();
  socket.destroy();
  wss.terminate(0);
  await turns(2);
  return { status: Number(answer.toString('latin1').split(' ')[1]), address: shown };
}

export const pageLaws: readonly Law[] = [
  defineLaw(
    'a client is let in exactly if hosts and origins allow it, and has the address that its proxies tell',
    400,
    fc.asyncProperty(meeting, async (given) => {
      const { status, address: shown } = await meet(given);
      const expected = expectedAt(given);
      expect(status).toBe(expected.status);
      expect(shown).toBe(status === 101 ? expected.address : undefined);
    }),
  ),
];
