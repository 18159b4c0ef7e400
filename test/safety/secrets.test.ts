import crypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
import fc from 'fast-check';
import { expect, onTestFinished, test, vi } from 'vitest';
import { bearerToken, secretsEqual } from '../../src/index.ts';
import { nextMaskingKey } from '../../src/protocol/mask.ts';
import { frame, maskByFormula, otherRole, ROLES } from '../helpers/frames.ts';
import { handshakeRequest } from '../helpers/handshake-request.ts';
import { openConnection } from '../helpers/protocol-harness.ts';
import { startUpgradeWay, upgradeWays } from '../helpers/upgrade-ways.ts';

/** Replaces a function of node:crypto by a spy, in the modules under test too. */
function spyOnCrypto<K extends 'timingSafeEqual' | 'randomFillSync'>(name: K) {
  const spy = vi.spyOn(crypto, name);
  syncBuiltinESMExports();
  onTestFinished(() => {
    spy.mockRestore();
    syncBuiltinESMExports();
  });
  return spy;
}

test.each([
  ['a', 'b', false],
  ['the same secret', 'the same secret', true],
  ['short', 'a much longer secret that begins otherwise', false],
])(
  'secrets are compared by timingSafeEqual, in one length (python-websockets CVE-2021-33880): %j, %j',
  (a, b, equal) => {
    const compare = spyOnCrypto('timingSafeEqual');
    expect(secretsEqual(a, b)).toBe(equal);
    expect(compare).toHaveBeenCalledOnce();
    const [left, right] = compare.mock.calls[0]!;
    expect([left.byteLength, right.byteLength]).toEqual([32, 32]);
  },
);

test('texts that differ are different secrets, also where UTF-8 writes them alike', () => {
  const loneSurrogates = fc.string({
    unit: fc.constantFrom('a', '\ud800', '\udbff', '\udc00', '\ufffd'),
    minLength: 1,
  });
  fc.assert(
    fc.property(loneSurrogates, loneSurrogates, (a, b) => {
      expect(secretsEqual(a, b)).toBe(a === b);
      const bytes = Buffer.from(a);
      const hasUtf8 = bytes.toString() === a;
      expect(secretsEqual(a, Buffer.from(b))).toBe(hasUtf8 && bytes.equals(Buffer.from(b)));
    }),
  );
});

test.each([
  ['Authorization and a subprotocol', ['Authorization: Bearer a', 'Sec-WebSocket-Protocol: bearer.b, chat']],
  ['the same token twice', ['Authorization: Bearer a', 'Sec-WebSocket-Protocol: bearer.a, chat']],
  ['two headers Authorization', ['Authorization: Bearer a', 'authorization: Bearer b']],
  ['two subprotocols', ['Sec-WebSocket-Protocol: chat, bearer.a, bearer.b']],
  ['subprotocols in two headers', ['Sec-WebSocket-Protocol: chat, bearer.a', 'Sec-WebSocket-Protocol: bearer.b']],
])('a token in two places is none: %s', async (_, headers) => {
  for (const way of upgradeWays) {
    const { ask, asked } = await startUpgradeWay(way, { protocols: ['chat'] });
    await ask(handshakeRequest({ headers }));
    expect(asked.map(({ request }) => bearerToken(request))).toEqual([undefined]);
  }
});

test('masking keys come from the random source of the system, each used once (RFC 6455 section 5.3)', () => {
  const fill = spyOnCrypto('randomFillSync');
  const given: number[] = [];
  let next = 1;
  fill.mockImplementation(((buffer: Buffer) => {
    for (let i = 0; i < buffer.length; i += 4) {
      buffer.writeInt32BE(next, i);
      given.push(next++);
    }
    return buffer;
  }) as never);
  const keys = Array.from({ length: 10_000 }, () => nextMaskingKey());
  const first = keys.indexOf(1);
  // The first keys are the rest of the pool that was filled before.
  expect(first).toBeLessThan(4096);
  expect(keys.slice(first)).toEqual(given.slice(0, keys.length - first));
});

test('masking keys differ, and each frame has its own', () => {
  const keys = new Set(Array.from({ length: 10_000 }, () => nextMaskingKey()));
  // Among 10 000 of 2^32 keys, 0.01 equal pairs are to be expected.
  expect(keys.size).toBeGreaterThan(9_995);
  const seen = new Set<string>();
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 100 }), (payload) => {
      const { connection, output } = openConnection('client');
      connection.sendBinary(Buffer.from(payload));
      const key = output.bytes.subarray(2, 6).toString('hex');
      seen.add(key);
      expect(maskByFormula(output.bytes.subarray(6), key)).toEqual(Buffer.from(payload));
    }),
    { numRuns: 50 },
  );
  expect(seen.size).toBeGreaterThan(45);
});

test.each(ROLES)('a frame with the wrong mask bit is refused with 1002 (%s)', (role) => {
  const { connection, sink } = openConnection(role);
  connection.receive(frame(role, '81', '61'));
  expect(sink.events).toEqual([`fail ERR_MASK_${role === 'server' ? 'REQUIRED' : 'FORBIDDEN'} 1002`]);
  const { connection: other, sink: fine } = openConnection(role);
  other.receive(frame(otherRole(role), '81', '61'));
  expect(fine.errors).toEqual([]);
});
