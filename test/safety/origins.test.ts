import { describe, expect, test } from 'vitest';
import type { Origins } from '../../src/index.ts';
import { recordingHandler } from '../../src/testing.ts';
import { startServerOf } from '../helpers/library-server.ts';
import { RawClient } from '../helpers/raw-client.ts';

async function statusFor(origin: string | undefined, host: string, origins?: Origins): Promise<number> {
  const { web } = await startServerOf(recordingHandler(), { origins });
  const headers = [`Host: ${host}`, ...(origin === undefined ? [] : [`Origin: ${origin}`])];
  return (await (await RawClient.request(web.HTTPPort, { without: ['Host'], headers })).answered).status;
}

describe('cross-site hijacking (webpack-dev-server CVE-2018-14732, vite CVE-2025-24010, Storybook CVE-2026-27148)', () => {
  test.each([
    ['http://evil.example', 'localhost:8080'],
    // Another port of this machine is let in by rule 197, but not where a proxy may stand between.
    ['http://example.com:3000', 'localhost:8080'],
    ['http://localhost.evil.example:8080', 'localhost:8080'],
    ['null', 'localhost:8080'],
    ['file://', 'localhost:8080'],
  ])('the page %s may not connect to %s', async (origin, host) => {
    expect(await statusFor(origin, host)).toBe(403);
  });

  test.each([
    ['http://localhost:8080', 'localhost:8080', undefined],
    [undefined, 'localhost:8080', undefined],
    ['https://app.example', 'localhost:8080', ['https://app.example']],
    ['http://evil.example', 'localhost:8080', '*' as const],
  ])('the page %s may connect to %s with origins %j', async (origin, host, origins) => {
    expect(await statusFor(origin, host, origins)).toBe(101);
  });

  test('a list of origins stops DNS rebinding, where Host and Origin hold the same foreign name', async () => {
    expect(await statusFor('http://evil.example:8080', 'evil.example:8080', ['http://localhost:8080'])).toBe(403);
  });

  test.each([
    ['http://xn--bcher-kva.example', 'xn--bcher-kva.example', ['http://bücher.example'], 101],
    ['http://xn--bcher-kva.example', 'bücher.example', undefined, 101],
    ['http://b\xfccher.example', 'xn--bcher-kva.example', undefined, 101],
    // UTF-8, byte by byte.
    ['http://xn--bcher-kva.example', 'b\xc3\xbccher.example', undefined, 101],
    ['http://b\xc3\xbccher.example', 'xn--bcher-kva.example', undefined, 101],
    ['http://xn--bcher-kva.example', 'other.example', undefined, 403],
    ['http://xn--bcher-kva.example', 'bucher.example', ['http://bucher.example'], 403],
    ['http://xn--bcher-kva.example:81', 'bücher.example', ['http://bücher.example'], 403],
  ])('the international name of page %j on host %j with origins %j: %d', async (origin, host, origins, status) => {
    expect(await statusFor(origin, host, origins)).toBe(status);
  });

  test('the answer names the option to set, and onConnection is not called', async () => {
    const handler = recordingHandler();
    const { web } = await startServerOf(handler);
    const client = await RawClient.request(web.HTTPPort, { headers: ['Origin: http://evil.example'] });
    const { status, body } = await client.answered;
    expect(status).toBe(403);
    expect(body).toContain('origins');
    expect(body).not.toContain('evil.example');
    expect(handler.callbacks).toEqual([]);
  });
});
