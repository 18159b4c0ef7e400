import { describe, expect, test } from 'vitest';
import { parseForwarded } from '../../src/handshake/forwarded.ts';
import { cpuMillisecondsFor } from '../helpers/cpu-time.ts';

function parsed(text: string): Record<string, string>[] | undefined {
  return parseForwarded(text)?.map((element) => Object.fromEntries(element));
}

describe('RFC 7239 section 4', () => {
  test.each([
    ['for=192.0.2.43', [{ for: '192.0.2.43' }]],
    ['For="[2001:db8:cafe::17]:4711"', [{ for: '[2001:db8:cafe::17]:4711' }]],
    [
      'for=192.0.2.60;proto=http;by=203.0.113.43;host="a:80"',
      [{ for: '192.0.2.60', proto: 'http', by: '203.0.113.43', host: 'a:80' }],
    ],
    ['for=192.0.2.43, for=198.51.100.17', [{ for: '192.0.2.43' }, { for: '198.51.100.17' }]],
    ['for=a,for=b ,\tfor=c', [{ for: 'a' }, { for: 'b' }, { for: 'c' }]],
    ['for="_gazonk"', [{ for: '_gazonk' }]],
    ['for=unknown ; proto=https', [{ for: 'unknown', proto: 'https' }]],
    ['for="a\\"b\\\\c"', [{ for: 'a"b\\c' }]],
    ['for="a,b;c=d"', [{ for: 'a,b;c=d' }]],
    ['for=""', [{ for: '' }]],
    ['', []],
    [' , ,, ', []],
    [',for=a,;,', [{ for: 'a' }]],
    ['for=a;', [{ for: 'a' }]],
  ])('%s', (text, elements) => {
    expect(parsed(text)).toEqual(elements);
  });

  test.each([
    'for',
    'for=',
    'for =a',
    'for= a',
    'for=a b',
    'for=a=b',
    '=a',
    'for=a;for=b',
    'for=a;FOR=b',
    'for="a',
    'for="a\\',
    'for="a\\"',
    'for="a"b',
    'for=[::1]',
    'for="a\u0001"',
    'for=ä',
    '"for"=a',
  ])('%j is refused', (text) => {
    expect(parseForwarded(text)).toBeUndefined();
  });

  test('a header with an open quoted string, which could swallow later elements, is refused', () => {
    expect(parseForwarded('for="6.6.6.6, for=192.0.2.1')).toBeUndefined();
    expect(parseForwarded('for=6.6.6.6;x=", for="[2001:db8::1]"')).toBeUndefined();
  });

  test('names of members of Object.prototype are read like other names', () => {
    const [element] = parseForwarded('__proto__=1;constructor=2') ?? [];
    expect(element?.get('__proto__')).toBe('1');
    expect(element?.get('toString')).toBeUndefined();
  });

  test('parseForwarded() takes linear time', () => {
    for (const piece of ['for=a,', '"', '\\', ' ', ';', ',', 'a']) {
      expect(
        cpuMillisecondsFor(() => void parseForwarded(piece.repeat(400_000))),
        piece,
      ).toBeLessThan(1000);
      expect(
        cpuMillisecondsFor(() => void parseForwarded(`for="${piece.repeat(400_000)}`)),
        piece,
      ).toBeLessThan(1000);
    }
  });
});
