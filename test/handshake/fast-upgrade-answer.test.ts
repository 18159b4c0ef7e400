import { describe, expect, test } from 'vitest';
import { readFastUpgradeAnswer } from '../../src/handshake/fast-upgrade-answer.ts';
import { MAX_PLAIN_HEAD_BYTES } from '../../src/handshake/plain-headers.ts';

const START = 'HTTP/1.1 101 Switching Protocols';
const LINES = ['Upgrade: websocket', 'Connection: Upgrade', 'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo='];

function answerOf(lines: readonly string[], start = START): string {
  return `${[start, ...lines].join('\r\n')}\r\n\r\n`;
}

describe('RFC 6455 4.2.2: a plain 101', () => {
  test('is read with its headers', () => {
    const headers = readFastUpgradeAnswer(answerOf(LINES))!;
    expect(Object.getPrototypeOf(headers)).toBeNull();
    expect({ ...headers }).toEqual({
      upgrade: 'websocket',
      connection: 'Upgrade',
      'sec-websocket-accept': 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=',
    });
  });

  test.each([
    ['of another case', ['UPGRADE: WebSocket', 'connection: upgrade']],
    ['behind a proxy', ['Server: nginx/1.27', 'Date: Fri, 27 Nov 2026 18:00:00 GMT', 'Upgrade: websocket', LINES[1]!]],
    ['that keeps the connection', ['Upgrade: websocket', 'Connection: keep-alive, Upgrade', 'Set-Cookie: a=b; Path=/']],
  ])('%s is read', (_, lines) => {
    expect(Object.keys(readFastUpgradeAnswer(answerOf(lines))!)).toEqual(
      lines.map((line) => line.slice(0, line.indexOf(':')).toLowerCase()),
    );
  });

  test.each(['HTTP/1.1 101 ', 'HTTP/1.1 101 Web Socket Protocol Handshake', 'HTTP/1.1 101 : '])(
    'may begin %j',
    (start) => {
      expect(readFastUpgradeAnswer(answerOf(LINES, start))).toBeDefined();
    },
  );

  test('is refused when it is cut at any byte', () => {
    const text = answerOf(LINES);
    for (let i = 0; i < text.length; i++) expect(readFastUpgradeAnswer(text.slice(0, i))).toBeUndefined();
  });
});

describe('is left to Node', () => {
  test.each([
    'HTTP/1.1 100 Continue',
    'HTTP/1.1 200 OK',
    'HTTP/1.1 1010 x',
    'HTTP/1.1 101',
    'HTTP/1.0 101 x',
    'http/1.1 101 x',
    ' HTTP/1.1 101 x',
    '\r\nHTTP/1.1 101 x',
    'HTTP/1.1 101 x\t',
    'HTTP/1.1 101 \u00e9',
    'HTTP/1.1 101 x\n',
    'HTTP/1.1 101 x\0',
  ])('the status line %j', (start) => {
    expect(readFastUpgradeAnswer(answerOf(LINES, start))).toBeUndefined();
  });

  test('a status line without a line end', () => {
    for (const end of ['\n\n', '\r\r', '\t\n', '\0\0']) {
      expect(readFastUpgradeAnswer(`${START}${end}${LINES.join('\r\n')}\r\n\r\n`)).toBeUndefined();
    }
  });

  test.each(['A:b', 'A : b', 'A: b ', ' A: b', 'A: b\r\n c', 'A: b\nC: d', 'Content-Length: 0', 'upgrade: websocket'])(
    'the header line %j',
    (line) => {
      expect(readFastUpgradeAnswer(answerOf([...LINES, line]))).toBeUndefined();
      expect(readFastUpgradeAnswer(answerOf([line, ...LINES]))).toBeUndefined();
    },
  );

  test.each([
    ['no headers', []],
    ['no Upgrade', LINES.slice(1)],
    ['no Connection', [LINES[0]!]],
    ['another Upgrade', ['Upgrade: h2c', LINES[1]!]],
    ['another Connection', [LINES[0]!, 'Connection: close']],
  ])('an answer with %s', (_, lines) => {
    expect(readFastUpgradeAnswer(answerOf(lines))).toBeUndefined();
  });

  test('an answer with bytes behind the empty line', () => {
    for (const behind of ['a', '\r\n']) expect(readFastUpgradeAnswer(answerOf(LINES) + behind)).toBeUndefined();
  });

  test('more than 8 192 bytes', () => {
    const rest = MAX_PLAIN_HEAD_BYTES - answerOf([...LINES, 'X: ']).length;
    expect(readFastUpgradeAnswer(answerOf([...LINES, `X: ${'x'.repeat(rest)}`]))).toBeDefined();
    expect(readFastUpgradeAnswer(answerOf([...LINES, `X: ${'x'.repeat(rest + 1)}`]))).toBeUndefined();
  });
});
