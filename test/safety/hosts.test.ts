import { describe, expect, test } from 'vitest';
import { handshakeRequest } from '../helpers/handshake-request.ts';
import { startUpgradeWay, upgradeWays } from '../helpers/upgrade-ways.ts';

/** A request of a page of `page` for the host `host`. */
function fromPage(host: string, page = `http://${host}`, more: readonly string[] = []): string {
  return handshakeRequest({ without: ['Host'], headers: [`Host: ${host}`, `Origin: ${page}`, ...more] });
}

const HOSTS = ['localhost', '127.0.0.1:8080', '[::1]', '*.example.com', 'bücher.example'];

describe.each(upgradeWays)('DNS rebinding: a page of a foreign name that points to this server ($name)', (way) => {
  test('passes for a page of the same host, until hosts names the own ones', async () => {
    const { ask } = await startUpgradeWay(way);
    const origin = way.name.includes('TLS') ? 'https://evil.example' : 'http://evil.example';
    expect((await ask(fromPage('evil.example', origin))).status).toBe(101);
    const { ask: askGuarded, asked } = await startUpgradeWay(way, { hosts: HOSTS });
    const { status, body } = await askGuarded(fromPage('evil.example', origin));
    expect(status).toBe(421);
    expect(body).toMatch(/^this host is not allowed: the option "hosts" /);
    expect(body).not.toContain('evil');
    expect(asked).toEqual([]);
  });

  test('is let in by no other origin rule, and by no other spelling', async () => {
    const { ask, asked } = await startUpgradeWay(way, { hosts: HOSTS, origins: '*' });
    for (const host of [
      'evil.example',
      'localhost.evil.example',
      'evil.example:8080',
      '127.0.0.1',
      '127.0.0.1:80',
      '127.0.0.1.evil.example:8080',
      'example.com',
      'notexample.com',
      'bucher.example',
      '[::2]',
    ]) {
      expect((await ask(fromPage(host))).status, host).toBe(421);
    }
    expect((await ask(handshakeRequest({ without: ['Host'], headers: ['Host:'] }))).status).toBe(421);
    expect(asked).toEqual([]);
  });

  test('is told from pages and programs that ask for a host of the list', async () => {
    const { ask } = await startUpgradeWay(way, { hosts: HOSTS, origins: '*' });
    for (const host of [
      'localhost',
      'LOCALHOST:3000',
      'localhost.',
      '127.0.0.1:8080',
      '[::1]:8080',
      'a.example.com',
      'a.b.example.com:1',
      'xn--bcher-kva.example',
      'b\xc3\xbccher.example',
      'b\xfccher.example',
    ]) {
      expect((await ask(fromPage(host))).status, host).toBe(101);
    }
    expect((await ask(handshakeRequest())).status).toBe(101);
  });

  test('is judged by the host that the client asked for, behind a trusted proxy', async () => {
    const { ask } = await startUpgradeWay(way, { hosts: ['a.example'], trustedProxies: ['127.0.0.1'], origins: '*' });
    const inner = 'inner:8080';
    for (const [header, status] of [
      ['X-Forwarded-Host: a.example', 101],
      ['X-Forwarded-Host: evil.example', 421],
      ['Forwarded: for=192.0.2.1;host=a.example', 101],
      ['Forwarded: for=192.0.2.1;host="evil.example:80"', 421],
      ['X-A: a.example', 421],
    ] as const) {
      expect((await ask(fromPage(inner, 'http://x', [header]))).status, header).toBe(status);
    }
    const { ask: askDirectly } = await startUpgradeWay(way, { hosts: ['a.example'], origins: '*' });
    expect((await askDirectly(fromPage('evil.example', 'http://x', ['X-Forwarded-Host: a.example']))).status).toBe(421);
  });

  test('gains nothing from a request target that is a whole URL, whose host must be that of the header', async () => {
    const { ask } = await startUpgradeWay(way, { hosts: ['a.example'] });
    const scheme = way.name.includes('TLS') ? 'https' : 'http';
    const statusFor = async (target: string, host: string): Promise<number> =>
      (await ask(fromPage(host, `${scheme}://${host}`).replace('GET /', `GET ${target}`))).status;
    expect(await statusFor('http://a.example/', 'a.example')).toBe(101);
    expect(await statusFor('http://evil.example/', 'a.example')).toBe(400);
    expect(await statusFor('http://a.example/', 'evil.example')).toBe(400);
    expect(await statusFor('http://evil.example/', 'evil.example')).toBe(421);
  });
});
