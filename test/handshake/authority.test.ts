import { describe, expect, test } from 'vitest';
import { authorityOf, isHostValue, parseAuthority, toPlainAddress } from '../../src/handshake/authority.ts';
import { cpuMillisecondsFor } from '../helpers/cpu-time.ts';

describe('parseAuthority', () => {
  test.each<[text: string, host: string, port: string]>([
    ['localhost', 'localhost', ''],
    ['LocalHost:8080', 'localhost', '8080'],
    ['a.b-c_d.example.:080', 'a.b-c_d.example.', '080'],
    ['127.0.0.1:1', '127.0.0.1', '1'],
    ['[::1]', '[::1]', ''],
    ['[2001:DB8:0:0::1]:65535', '[2001:db8::1]', '65535'],
    ['bücher.example:80', 'xn--bcher-kva.example', '80'],
    ['BÜCHER.example', 'xn--bcher-kva.example', ''],
    ['bu\u0308cher.example', 'xn--bcher-kva.example', ''],
    ['straße.example', 'xn--strae-oqa.example', ''],
    ['日本語。jp', 'xn--wgv71a119e.jp', ''],
    ['xn--bcher-kva.example', 'xn--bcher-kva.example', ''],
    ['XN--BCHER-KVA.example', 'xn--bcher-kva.example', ''],
    ['x'.repeat(255), 'x'.repeat(255), ''],
  ])('reads %s', (text, host, port) => {
    expect(parseAuthority(text)).toEqual({ host, port });
  });

  test.each([
    '',
    ':80',
    'a:',
    'a:b',
    'a:80:80',
    'a:000080',
    'a:8٣',
    '::1',
    '[::1',
    '[::1]x',
    '[::1]:',
    '[::1%eth0]',
    '[a]',
    '[]',
    'a[b',
    'a]',
    'ü[',
    'a b',
    'a\t',
    'a\x7f',
    'a,b',
    'a;b',
    'a/b',
    'a\\b',
    'a?b',
    'a#b',
    'u@a',
    '*.a',
    '%61',
    'a"',
    '<a>',
    'a\u00a0b',
    '\ud800',
    'x'.repeat(256),
    'ü'.repeat(256),
  ])('reads no authority in %j', (text) => {
    expect(parseAuthority(text)).toBeUndefined();
  });

  test('does not spend its time on a name that is too long', () => {
    // The ASCII form of 8 000 different characters takes a tenth of a second, time and again.
    const name = Array.from({ length: 8000 }, (_, i) => String.fromCodePoint(0x4e00 + i)).join('');
    const read = (): void => {
      for (let i = 0; i < 100; i++) parseAuthority(name);
    };
    expect(cpuMillisecondsFor(read)).toBeLessThan(1500);
  });
});

describe('RFC 9112 3.2: the header Host', () => {
  test.each(['', 'localhost', 'a:80', '[::1]:80', 'a_b', '[fe80::1%25eth0]', 'a%41', 'bücher', 'a,b', "!$&'()*+;=~-"])(
    'RFC 9112 3.2: can be %j',
    (text) => expect(isHostValue(text)).toBe(true),
  );

  test.each([
    'a b',
    ' a',
    'a\t',
    'a\0',
    'a\x7f',
    'a/',
    'a\\',
    'a?',
    'a#',
    'u@a',
    '"a"',
    '<a>',
    '{a}',
    'a|',
    'a^',
    'a`',
  ])('RFC 9112 3.2: cannot be %j', (text) => expect(isHostValue(text)).toBe(false));
});

test.each<[target: string, authority: string | undefined]>([
  ['/', undefined],
  ['/?u=http://a/', undefined],
  ['//a/b', undefined],
  ['*', undefined],
  ['http://a', 'a'],
  ['http://a:80/b/c', 'a:80'],
  ['ws://a?b/c', 'a'],
  ['ws://a#b/c', 'a'],
  ['http://u@[::1]:1/', 'u@[::1]:1'],
  ['http:///a', ''],
])('RFC 9112 3.2.2: the authority of the target %s is %j', (target, authority) => {
  expect(authorityOf(target)).toBe(authority);
});

test.each([
  ['127.0.0.1', '127.0.0.1'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['::1', '::1'],
  ['2001:db8::ffff:1', '2001:db8::ffff:1'],
  ['::ffff:c000:201', '::ffff:c000:201'],
  ['fe80::1%eth0', 'fe80::1%eth0'],
  [undefined, ''],
])('the address %s is shown as %s', (address, expected) => {
  expect(toPlainAddress(address)).toBe(expected);
});
