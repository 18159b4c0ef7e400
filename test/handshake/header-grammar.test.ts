import { describe, expect, test } from 'vitest';
import {
  decodeHeaderValue,
  isHeaderValue,
  isToken,
  listHasToken,
  parseExtensions,
  parseTokenList,
} from '../../src/handshake/header-grammar.ts';

const ALL_CHARACTERS = Array.from({ length: 0x180 }, (_, code) => String.fromCharCode(code));

describe('RFC 9110 5.6.2: tokens', () => {
  test('RFC 9110 5.6.2: letters, digits and 15 signs make a token, and nothing else does', () => {
    const expected = "!#$%&'*+-.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ^_`abcdefghijklmnopqrstuvwxyz|~";
    expect(ALL_CHARACTERS.filter(isToken).join('')).toBe(expected);
  });

  test.each(['chat', 'v1.chat', 'x-y_z', '4d'])('RFC 9110 5.6.2: %j is a token', (text) => {
    expect(isToken(text)).toBe(true);
  });

  test.each(['', ' chat', 'chat ', 'a b', 'a,b', 'a;b', 'a/b', 'a\r\nb', 'a\0', 'chät', '聊天'])(
    'RFC 9110 5.6.2: %j is no token',
    (text) => {
      expect(isToken(text)).toBe(false);
    },
  );
});

describe('RFC 9110 5.5: header values', () => {
  test('RFC 9110 5.5: control characters except the tab, and characters above U+00FF, are forbidden', () => {
    const forbidden = ALL_CHARACTERS.filter((character) => !isHeaderValue(`a${character}b`));
    const controls = ALL_CHARACTERS.filter((_, code) => (code < 0x20 && code !== 0x09) || code === 0x7f);
    expect(forbidden).toEqual([...controls, ...ALL_CHARACTERS.slice(0x100)]);
  });

  test.each([
    ['', ''],
    ['plain ~', 'plain ~'],
    ['b\xc3\xbccher', 'bücher'],
    ['\xe6\x97\xa5', '日'],
    ['b\xfccher', 'bücher'],
    ['\xc3', 'Ã'],
    ['\xc3\xbc \xfc', 'Ã¼ ü'],
    ['日本', '日本'],
  ])('RFC 9110 5.5: bytes beyond ASCII are read as UTF-8 if they are valid UTF-8: %j', (value, text) => {
    expect(decodeHeaderValue(value)).toBe(text);
  });

  test('RFC 9110 5.5: an empty value is a value', () => {
    expect(isHeaderValue('')).toBe(true);
  });
});

describe('RFC 9110 5.6.1: lists', () => {
  test.each(['upgrade', 'Upgrade', 'keep-alive, Upgrade', 'UPGRADE ,keep-alive', ',\tupgrade\t,', 'a,,upgrade'])(
    'RFC 9110 5.6.1: %j contains "upgrade"',
    (text) => {
      expect(listHasToken(text, 'upgrade')).toBe(true);
    },
  );

  test.each(['', 'upgraded', 'up grade', 'keep-alive', 'upgrade;q=1', '"upgrade"', '\u00A0upgrade', 'upgrade\v'])(
    'RFC 9110 5.6.1: %j does not contain "upgrade"',
    (text) => {
      expect(listHasToken(text, 'upgrade')).toBe(false);
    },
  );

  test.each([
    ['chat', ['chat']],
    ['chat, superchat', ['chat', 'superchat']],
    [' \tchat\t ,\tsuperchat ', ['chat', 'superchat']],
    ['chat,Chat', ['chat', 'Chat']],
    ['constructor,__proto__', ['constructor', '__proto__']],
  ])('RFC 6455 4.1: the token list %j', (text, tokens) => {
    expect(parseTokenList(text)).toEqual(tokens);
  });

  test.each([',chat', 'chat,', 'chat,,superchat', ' , ,chat, superchat,'])(
    'RFC 9110 5.6.1.2: the empty elements of %j do not count',
    (text) => {
      expect(parseTokenList(text)?.[0]).toBe('chat');
    },
  );

  test.each(['', ' ', ',', ' , '])('RFC 9110 5.6.1.2: the token list %j is empty', (text) => {
    expect(parseTokenList(text)).toEqual([]);
  });

  test.each(['a b', 'chat;q=1', '"chat"', 'chat\u00A0', 'chät', 'a/b', 'chat\nb'])(
    'RFC 6455 4.1: %j is no token list',
    (text) => {
      expect(parseTokenList(text)).toBeUndefined();
    },
  );

  test.each(['chat,chat', 'a, b, a'])('RFC 6455 4.1: %j names a subprotocol twice', (text) => {
    expect(parseTokenList(text)).toBeUndefined();
  });
});

describe('RFC 6455 9.1: extensions', () => {
  test.each([
    ['permessage-deflate', [['permessage-deflate']]],
    ['a, b', [['a'], ['b']]],
    ['a;x', [['a', ['x', true]]]],
    ['a; x=1; y', [['a', ['x', '1'], ['y', true]]]],
    ['a ; x = 1 ;\ty\t, b ', [['a', ['x', '1'], ['y', true]], ['b']]],
    ['a; x="1"', [['a', ['x', '1']]]],
    ['a; x = "1" ; y="z"', [['a', ['x', '1'], ['y', 'z']]]],
    [
      'permessage-deflate; client_max_window_bits; server_max_window_bits=10, permessage-deflate',
      [
        ['permessage-deflate', ['client_max_window_bits', true], ['server_max_window_bits', '10']],
        ['permessage-deflate'],
      ],
    ],
    ['a; x=1; x=2', [['a', ['x', '1'], ['x', '2']]]],
    ['constructor; __proto__=toString', [['constructor', ['__proto__', 'toString']]]],
    [',a,, b, ', [['a'], ['b']]],
  ])('RFC 6455 9.1: %j', (text, offers) => {
    const result = parseExtensions(text)?.map(({ name, parameters }) => [[name], parameters].flat());
    expect(result).toEqual(offers);
  });

  test.each(['', ' ', ','])('RFC 9110 5.6.1.2: the extensions %j are none', (text) => {
    expect(parseExtensions(text)).toEqual([]);
  });

  test.each(['a;', 'a ; ', 'a;;', 'a; ,'])('the empty parameters of %j do not count', (text) => {
    expect(parseExtensions(text)).toEqual([{ name: 'a', parameters: [] }]);
  });

  test.each([
    'a b',
    'a; =1',
    'a; x=',
    'a; x=;y',
    'a; x==1',
    'a; x=1 2',
    'a; x="1',
    'a; x="12',
    'a; x="',
    'a; x=""',
    'a; x="1 2"',
    'a; x="1"2',
    'a; x="\\1"',
    'a=1',
    '"a"',
    ';x',
    'a,;x',
    'a; x, =',
    'ä',
    'a\n',
    'a/b',
  ])('RFC 6455 9.1: %j breaks the grammar', (text) => {
    expect(parseExtensions(text)).toBeUndefined();
  });

  test('16 offers are read, 17 are refused', () => {
    expect(parseExtensions(Array.from({ length: 16 }, () => 'a').join(','))?.length).toBe(16);
    expect(parseExtensions(Array.from({ length: 17 }, () => 'a').join(','))).toBeUndefined();
  });

  test('4 096 characters are read, 4 097 are refused', () => {
    const [name] = parseExtensions('a'.repeat(4096)) ?? [];
    expect(name?.name.length).toBe(4096);
    expect(parseExtensions('a'.repeat(4097))).toBeUndefined();
  });
});
