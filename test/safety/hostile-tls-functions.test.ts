import { once } from 'node:events';
import type { AddressInfo, LookupFunction } from 'node:net';
import { createServer } from 'node:tls';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type FourDError, WebSocket, type WebSocketOptions } from '../../src/index.ts';
import { makeCertificate } from '../helpers/certificate.ts';
import { type HostileValue, hostileValues, withThrowingGetter } from '../helpers/hostile-values.ts';
import { type HostileWorld, useHostileWorld } from '../helpers/hostile-world.ts';
import { startPeerServer } from '../helpers/peer.ts';
import { startHttpProxy } from '../helpers/proxies.ts';

// Node calls the functions of the option `tls` from events of the network, where an exception ends the process. See
// hostile-values.test.ts.

const world: HostileWorld = useHostileWorld();
const certificate = makeCertificate();

type Tls = NonNullable<WebSocketOptions['tls']>;

/** Connects once for each value. Resolves to the codes of the errors, with undefined for each success. */
async function connectAll(
  url: string,
  values: readonly HostileValue[],
  toTls: (make: () => unknown) => Tls,
  options: WebSocketOptions = {},
): Promise<(string | undefined)[]> {
  const codes = await Promise.all(
    values.map(async ({ make }) => {
      try {
        const tls = { ca: certificate.cert, ...toTls(make) };
        const ws = await WebSocket.new(url, {}, { ...options, tls });
        ws!.terminate();
        return undefined;
      } catch (error) {
        return (error as FourDError).code;
      }
    }),
  );
  await world.check();
  return codes;
}

async function startTlsServer(): Promise<string> {
  const { url } = await startPeerServer({ tls: certificate });
  return url.replace('127.0.0.1', 'localhost');
}

const WAYS: readonly { readonly way: string; readonly fail: (make: () => unknown) => unknown }[] = [
  {
    way: 'throws',
    fail: (make) => {
      throw make();
    },
  },
  { way: 'rejects', fail: (make) => Promise.reject(make()) },
];

const FAILED = ['ERR_CONNECT_FAILED'];

/** Values whose rejection is not the business of the place that they are passed to. */
const settledValues = hostileValues.filter(({ name }) => !name.startsWith('a promise that rejects'));

describe.each(WAYS)('a function of the option tls $way', ({ fail }) => {
  test('checkServerIdentity', async () => {
    const codes = await connectAll(await startTlsServer(), hostileValues, (make) => ({
      checkServerIdentity: () => fail(make) as Error,
    }));
    expect(new Set(codes)).toEqual(new Set(FAILED));
  });

  test('checkServerIdentity, through a proxy', async () => {
    const { port } = await startHttpProxy();
    const codes = await connectAll(
      await startTlsServer(),
      hostileValues,
      (make) => ({ checkServerIdentity: () => fail(make) as Error }),
      { proxy: `http://127.0.0.1:${port}` },
    );
    expect(new Set(codes)).toEqual(new Set(FAILED));
  });

  test('lookup', async () => {
    const codes = await connectAll(await startTlsServer(), hostileValues, (make) => ({
      lookup: () => fail(make) as undefined,
    }));
    expect(new Set(codes)).toEqual(new Set(FAILED));
  });
});

describe('a function of the option tls returns, or passes on, a value', () => {
  test('checkServerIdentity: any value but undefined, null, false, 0 and an empty text refuses the server', async () => {
    const codes = await connectAll(await startTlsServer(), hostileValues, (make) => ({
      checkServerIdentity: make as () => Error,
    }));
    const accepting = hostileValues.filter((_, i) => codes[i] === undefined).map(({ name }) => name);
    expect(accepting).toEqual(['undefined', 'null', 'an empty text']);
    expect(new Set(codes)).toEqual(new Set([undefined, ...FAILED]));
  });

  test.each(['an error', 'an address', 'a list', 'an element of a list', 'a family'] as const)(
    'lookup: as %s',
    async (what) => {
      const codes = await connectAll(await startTlsServer(), settledValues, (make) => ({
        lookup: ((_hostname, _options, callback: (...parameters: unknown[]) => void) => {
          setImmediate(() => {
            if (what === 'an error') callback(make());
            else if (what === 'an address') callback(null, [{ address: make(), family: 4 }], 4);
            else if (what === 'a list') callback(null, make(), 4);
            else if (what === 'an element of a list') callback(null, [make()], 4);
            else callback(null, [{ address: '127.0.0.1', family: make() }], make());
          });
        }) as LookupFunction,
      }));
      expect(new Set(codes)).toEqual(new Set(FAILED));
    },
  );

  test('lookup: twice, and with nothing', async () => {
    const url = await startTlsServer();
    const answers = [
      [null, [{ address: '127.0.0.1', family: 4 }]],
      [null, []],
    ] as const;
    const codes = await Promise.all(
      answers.map((answer) =>
        connectAll(url, hostileValues.slice(0, 1), () => ({
          lookup: ((_hostname, _options, callback: (...parameters: unknown[]) => void) => {
            callback(...answer);
            callback(new Error('again'));
          }) as LookupFunction,
        })),
      ),
    );
    expect(codes).toEqual([[undefined], FAILED]);
  });

  test('lookup: of one family', async () => {
    const tls: object = { family: 4, lookup: lookupLoopback };
    expect(await connectAll(await startTlsServer(), hostileValues.slice(0, 1), () => tls)).toEqual([undefined]);
  });
});

const lookupLoopback: LookupFunction = (_hostname, { all }, callback) =>
  all === true ? callback(null, [{ address: '127.0.0.1', family: 4 }]) : callback(null, '127.0.0.1', 4);

/** TLS options of a client that knows a key in place of a certificate. */
function pskOptions(pskCallback: () => unknown): Tls {
  return {
    ciphers: 'PSK',
    maxVersion: 'TLSv1.2',
    checkServerIdentity: () => undefined,
    pskCallback: pskCallback as () => { psk: Buffer; identity: string },
  };
}

describe('pskCallback', () => {
  const psk = Buffer.alloc(16, 1);

  /** Starts a TLS server that demands a key that both sides know, and answers nothing. */
  async function startPskServer(): Promise<string> {
    const server = createServer({ pskCallback: () => psk, ciphers: 'PSK', maxVersion: 'TLSv1.2' }, (socket) =>
      socket.end('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n'),
    );
    server.on('tlsClientError', () => {});
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(async () => {
      server.close();
      await once(server, 'close');
    });
    return `wss://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  test('gives the key', async () => {
    const codes = await connectAll(await startPskServer(), hostileValues.slice(0, 1), () =>
      pskOptions(() => ({ psk, identity: 'me' })),
    );
    expect(codes).toEqual(['ERR_HANDSHAKE_REFUSED']);
  });

  test.each<[what: string, answer: (make: () => unknown) => unknown]>([
    ['throws', WAYS[0]!.fail],
    ['rejects', WAYS[1]!.fail],
    ['returns a value', (make) => make()],
    ['returns a value as the key', (make) => ({ psk: make(), identity: 'me' })],
    ['returns a value as the identity', (make) => ({ psk, identity: make() || 5 })],
    ['returns an object whose getter throws', () => withThrowingGetter({ identity: 'me' }, 'psk')],
  ])('%s', async (_, answer) => {
    const url = await startPskServer();
    const codes = await connectAll(url, settledValues, (make) => pskOptions(() => answer(make)));
    expect(new Set(codes)).toEqual(new Set(FAILED));
  });
});

test('TLS options that Node refuses fail through a proxy as they do without one', async () => {
  const { port } = await startHttpProxy();
  const url = await startTlsServer();
  const tls = { minVersion: 'TLSv9' as 'TLSv1.3' };
  for (const options of [{}, { proxy: `http://127.0.0.1:${port}` }]) {
    expect(await connectAll(url, hostileValues.slice(0, 1), () => tls, options)).toEqual(FAILED);
  }
});
