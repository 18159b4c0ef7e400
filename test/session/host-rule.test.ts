import { describe, expect, test } from 'vitest';
import { HostRule } from '../../src/session/host-rule.ts';

function allows(hosts: unknown, header: string | undefined): boolean {
  return new HostRule(hosts, 'HTTP').allows(header);
}

describe('without a list', () => {
  test.each(['example.com', 'evil.example:1', '', 'a b', undefined])('allows %j', (header) => {
    expect(allows(undefined, header)).toBe(true);
  });
});

describe('a list', () => {
  test.each<[pattern: string, header: string]>([
    ['localhost', 'localhost'],
    ['localhost', 'localhost:8080'],
    ['LocalHost', 'lOCALHOST:8080'],
    ['localhost', 'localhost.'],
    ['localhost', 'localhost:'],
    ['localhost', 'localhost.:'],
    ['example.com:80', 'example.com:'],
    ['[::1]', '[::1]:'],
    ['example.com.', 'example.com:443'],
    ['example.com:8080', 'example.com:8080'],
    ['example.com:8080', 'example.com.:08080'],
    ['example.com:80', 'example.com'],
    ['example.com:443', 'example.com'],
    ['*.example.com', 'a.example.com'],
    ['*.example.com', 'b.a.example.com:1'],
    ['*.example.com:8080', 'a.example.com:8080'],
    ['127.0.0.1', '127.0.0.1:8080'],
    ['127.0.0.1:8080', '127.0.0.1:8080'],
    ['[::1]', '[::1]:8080'],
    ['::1', '[::1]'],
    ['[::1]:8080', '[0:0:0:0:0:0:0:1]:8080'],
    ['2001:DB8::1', '[2001:db8:0::1]'],
    ['my_host', 'my_host:3000'],
    ['bücher.example', 'xn--bcher-kva.example'],
    ['BÜCHER.example', 'xn--bcher-kva.example:80'],
    ['xn--bcher-kva.example', Buffer.from('bücher.example').toString('latin1')],
    ['*.bücher.example', 'www.xn--bcher-kva.example'],
  ])('%s allows %j', (pattern, header) => {
    expect(allows(['other.example', pattern], header)).toBe(true);
  });

  test.each<[pattern: string, header: string | undefined]>([
    ['localhost', undefined],
    ['localhost', ''],
    ['localhost', 'localhost.evil.example'],
    ['localhost', 'evil.example'],
    ['localhost', 'a.localhost'],
    ['localhost', 'localhost, evil.example'],
    ['localhost', 'localhost@evil.example'],
    ['localhost', 'evil.example#localhost'],
    ['localhost', 'localhost/'],
    ['localhost', 'localhost\\'],
    ['localhost', 'localhost::'],
    ['localhost', 'localhost:80:'],
    ['localhost', ':'],
    ['localhost', 'localhost:80a'],
    ['localhost', 'localhost:000080'],
    ['localhost', 'localhost:80:80'],
    ['localhost', ' localhost'],
    ['localhost', '%6cocalhost'],
    ['localhost', 'localhost..'],
    ['localhost', '[localhost]'],
    ['localhost', '[localhost'],
    ['localhost', '\xff\xff'],
    ['example.com:8080', 'example.com'],
    ['example.com:8080', 'example.com:8081'],
    ['example.com:80', 'example.com:8080'],
    ['*.example.com', 'example.com'],
    ['*.example.com', '.example.com'],
    ['*.example.com', 'evilexample.com'],
    ['*.example.com', '*.example.com'],
    ['*.example.com:8080', 'a.example.com:8081'],
    ['127.0.0.1', '127.0.0.2'],
    ['127.0.0.1', '127.0.0.1.evil.example'],
    ['127.0.0.1', '[::ffff:127.0.0.1]'],
    ['[::1]', '::1'],
    ['[::1]', '[::1'],
    ['[::1]', '[::1]x:80'],
    ['[::1]', '[::1%25eth0]'],
    ['[::1]', '[::2]'],
  ])('%s does not allow %j', (pattern, header) => {
    expect(allows([pattern], header)).toBe(false);
  });
});

test.each<[hosts: unknown, problem: string]>([
  ['*', 'must be an array'],
  ['example.com', 'must be an array'],
  [null, 'must be an array'],
  [[], 'must be an array'],
  [[''], 'received ""'],
  [['*'], 'received "*"'],
  [['*.'], 'received "*."'],
  [['a.*.example.com'], 'received "a.*.example.com"'],
  [['*.127.0.0.1'], 'received "*.127.0.0.1"'],
  [['*.[::1]'], 'received "*.[::1]"'],
  [['http://example.com'], 'received "http://example.com"'],
  [['example.com/path'], 'received "example.com/path"'],
  [['user@example.com'], 'received "user@example.com"'],
  [['example.com:'], 'received "example.com:"'],
  [['example.com:http'], 'received "example.com:http"'],
  [['.example.com'], 'received ".example.com"'],
  [['a b'], 'received "a b"'],
  [['localhost', 5], 'received 5'],
])('refuses the option %j', (hosts, problem) => {
  expect(() => new HostRule(hosts, 'HTTP')).toThrow(
    expect.objectContaining({
      code: 'ERR_INVALID_OPTION',
      componentSignature: 'HTTP',
      message: expect.stringMatching(/^invalid option: hosts /) as string,
    }),
  );
  expect(() => new HostRule(hosts, 'HTTP')).toThrow(problem);
});
