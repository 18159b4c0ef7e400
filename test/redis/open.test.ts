/** What is said at start when a server cannot be used. */
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { type RedisBrokerOptions, redisBroker } from '../../src/redis.ts';
import { BrokerError } from '../../src/topics/broker.ts';
import { errorOf } from '../helpers/error-of.ts';
import { BrokerListener } from '../topics/broker-listener.ts';
import { describeServers } from './describe-servers.ts';
import { type BrokerServer, findFreePort, type ServerOptions, startServer } from './servers.ts';

/** Opens a broker, and tells the code and the words of the failure. */
async function failureOf(options: RedisBrokerOptions): Promise<string> {
  const broker = redisBroker(options);
  onTestFinished(() => broker.close());
  try {
    await broker.open(new BrokerListener());
    return 'open';
  } catch (error) {
    expect(error).toBeInstanceOf(BrokerError);
    return `${(error as BrokerError).code}: ${(error as BrokerError).message}`;
  }
}

describeServers((kind) => {
  async function start(options: Partial<ServerOptions> = {}): Promise<BrokerServer> {
    const server = await startServer({ kind, ...options });
    onTestFinished(() => server.close());
    return server;
  }

  test('a broker is not opened where it would lose entries, and says which setting to change', async () => {
    const server = await start({ args: ['--maxmemory-policy', 'allkeys-lru'] });
    expect(await failureOf({ url: server.url })).toBe(
      'misconfigured: maxmemory-policy is allkeys-lru: the server would throw away parts of topics: ' +
        'set maxmemory-policy noeviction',
    );
    await server.cli('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
    await server.cli('CONFIG', 'SET', 'client-output-buffer-limit', 'pubsub 1000000 0 0');
    expect(await failureOf({ url: server.url })).toBe(
      'misconfigured: client-output-buffer-limit is "pubsub 1000000 0": a burst of messages would end the connection: ' +
        'set it to "pubsub 33554432 8388608 60" or more',
    );
    await server.cli('CONFIG', 'SET', 'client-output-buffer-limit', 'pubsub 0 0 0');
    expect(await failureOf({ url: server.url })).toBe('open');
  });

  test('a wrong password, user or certificate is told, and the password is not', async () => {
    const server = await start({ isSecured: true });
    const { port, ca } = server;
    const url = `rediss://127.0.0.1:${port}`;
    expect(await failureOf({ url: server.url, tls: { ca } })).toBe('open');
    expect(await failureOf({ url, password: 'geheim', tls: { ca } })).toMatch(
      new RegExp(`^misconfigured: Redis at 127.0.0.1:${port} refuses the password: WRONGPASS (?!.*geheim)`),
    );
    expect(await failureOf({ url, username: 'ann', password: 'geheim', tls: { ca } })).toMatch(
      /^misconfigured: Redis at \S+ refuses the username ann or its password: WRONGPASS (?!.*geheim)/,
    );
    expect(await failureOf({ url, tls: { ca } })).toMatch(/^misconfigured: Redis at \S+ refuses the password: NOAUTH /);
    expect(await failureOf({ url: server.url })).toMatch(/^misconfigured: TLS with Redis at \S+ fails: .*self-signed/);
  });

  test('a user that may not use a command is told', async () => {
    const server = await start();
    await server.cli('ACL', 'SETUSER', 'ann', 'on', '>secret', '~*', '&*', '+@all', '-evalsha', '-script');
    const options = { url: server.url, username: 'ann', password: 'secret' };
    expect(await failureOf(options)).toMatch(/^misconfigured: Redis at \S+ forbids a command to this user: NOPERM/);
    await server.cli('ACL', 'SETUSER', 'ann', '+evalsha', '+script', '-config', '-ssubscribe');
    expect(await failureOf(options)).toMatch(/^misconfigured: Redis at \S+ forbids a command to this user: NOPERM/);
    await server.cli('ACL', 'SETUSER', 'ann', '+ssubscribe');
    expect(await failureOf(options)).toBe('open');
    expect(await failureOf({ cluster: [server.url] })).toBe(
      'misconfigured: the server is not part of a cluster: use the option url',
    );
  });

  test('a server that loads its data, or is not there, is told as one that is tried again', async () => {
    const port = await findFreePort();
    expect(await failureOf({ url: `redis://127.0.0.1:${port}` })).toMatch(
      new RegExp(`^down: Redis cannot be reached at 127.0.0.1:${port}: connect ECONNREFUSED`),
    );
    expect(await failureOf({ url: 'redis://no-such-host.invalid' })).toMatch(
      /^down: Redis cannot be reached at no-such-host.invalid:6379: getaddrinfo/,
    );
    const server = await start();
    server.stop();
    expect(await failureOf({ url: server.url })).toMatch(
      /^down: Redis cannot be reached at \S+: no answer within 3000 ms$/,
    );
    server.continue();
  });
});

test('a server that is too old is told', async () => {
  const answers: Record<string, string> = { HELLO: '%0\r\n', INFO: '$22\r\nredis_version:6.2.14\r\n\r\n' };
  const server = createServer((socket) => {
    socket.on('data', (data) => {
      for (const [, command = ''] of data.toString().matchAll(/\*\d+\r\n\$\d+\r\n(\w+)/g)) {
        socket.write(answers[command] ?? '+OK\r\n');
      }
    });
    socket.on('error', () => {});
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const url = `redis://127.0.0.1:${(server.address() as AddressInfo).port}`;
  expect(await failureOf({ url })).toBe(
    'misconfigured: the server is Redis 6.2.14: redisBroker needs Redis 7, Valkey 8 or later',
  );
});

test.each<[Partial<Record<keyof RedisBrokerOptions | 'host', unknown>>, RegExp]>([
  [{}, /needs either url or cluster/],
  [{ url: 'redis://a', cluster: ['redis://b'] }, /needs either url or cluster/],
  [{ url: 'http://a' }, /needs URLs such as redis:\/\/127\.0\.0\.1:6379/],
  [{ url: 'redis://a/x' }, /needs the number of a database/],
  [{ url: 'redis://a', host: 'b' }, /has no option host/],
  [{ url: 'redis://a', prefix: '{x}' }, /as prefix/],
  [{ url: 'redis://a', password: 1 }, /needs a text as password/],
  [{ url: 'rediss://a', tls: false }, /tls: false/],
  [{ url: 'redis://a:%@b' }, /needs URLs|percent/],
  [{ cluster: [] }, /a list of URLs as cluster/],
  [{ cluster: ['redis://a/1'] }, /no databases/],
])('options that cannot be used are refused: %j', (options, message) => {
  const error = errorOf(() => redisBroker(options as RedisBrokerOptions));
  expect(error).toMatchObject({ code: 'ERR_INVALID_OPTION', message: expect.stringMatching(message) as string });
});
