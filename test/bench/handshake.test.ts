import { describe, expect, test } from 'vitest';
import { answerUpgrade, isUpgradeAnswer, offersCompression, upgradeRequest } from '../../bench/load/handshake.ts';

function requestWith(extensions: string): string {
  return upgradeRequest(true, 0).replace(/^Sec-WebSocket-Extensions: .*$/m, extensions);
}

function extensionsOf(answer: string): string | undefined {
  return /^Sec-WebSocket-Extensions: (.*)\r$/m.exec(answer)?.[1];
}

describe('the handshake of the load and the bare server', () => {
  test.each([false, true])('fits together, compressed: %s', (isCompressed) => {
    const request = upgradeRequest(isCompressed, 3);
    expect(offersCompression(request)).toBe(isCompressed);
    expect(isUpgradeAnswer(answerUpgrade(request, isCompressed), isCompressed)).toBe(true);
    expect(isUpgradeAnswer(answerUpgrade(request, !isCompressed), isCompressed)).toBe(false);
  });

  test.each([
    ['no extension', '', false],
    ['another extension', 'Sec-WebSocket-Extensions: permessage-bzip', false],
    ['a window that is too small', 'Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=9', false],
    ['a small window', 'Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=10', true],
    ['names in lower case', 'sec-websocket-extensions: permessage-deflate; client_max_window_bits', true],
  ])('tells whether compression is offered: %s', (_, extensions, isOffered) => {
    expect(offersCompression(requestWith(extensions))).toBe(isOffered);
  });

  test('agrees on a window only when the client asked for one', () => {
    const each = 'permessage-deflate; server_no_context_takeover; client_no_context_takeover';
    expect(extensionsOf(answerUpgrade(upgradeRequest(true, 0), true))).toBe(each);
    expect(
      extensionsOf(
        answerUpgrade(requestWith('Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=10'), true),
      ),
    ).toBe(`${each}; server_max_window_bits=10`);
  });
});
