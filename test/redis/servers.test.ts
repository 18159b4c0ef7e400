import { expect, onTestFinished, test } from 'vitest';
import { describeServers } from './describe-servers.ts';
import { startServer } from './servers.ts';

describeServers((kind) => {
  test('a server is stopped, goes on, is killed, and is back with what it has on disk', async () => {
    const server = await startServer({ kind, persistence: 'always' });
    onTestFinished(() => server.close());
    expect(await server.cli('SET', 'a', '1')).toBe('OK');
    server.stop();
    const answer = server.cli('GET', 'a');
    server.continue();
    expect(await answer).toBe('1');
    await server.restart();
    expect(await server.cli('GET', 'a')).toBe('1');
    const { pid } = server;
    await server.close();
    expect(() => process.kill(pid!, 0)).toThrow('ESRCH');
  });
});
