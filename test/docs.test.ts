import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { documentationFiles } from '../scripts/documentation-files.ts';
import { quoteExamples } from '../scripts/quote-examples.ts';
import { curl } from './interop/http-clients.ts';
import { peers } from './interop/peers.ts';
import { proxies } from './interop/proxies.ts';
import { type CheckedTopics, checkTopics } from '../src/server/topic-options.ts';
import { parseServerOptions } from '../src/server/server-options.ts';
import { WebServer } from '../src/web-server/web-server.ts';

const root = join(import.meta.dirname, '..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

/** Anchors of a page as hosts of Markdown make them from its headings. */
function anchorsOf(markdown: string): string[] {
  return Array.from(markdown.matchAll(/^#+ (.+)$/gm), ([, heading]) =>
    (heading as string)
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

describe.each(documentationFiles(root))('%s', (path) => {
  test('quotes the examples as they are (npm run docs:quotes writes them)', () => {
    expect(quoteExamples(read(path), read)).toBe(read(path));
  });

  test('links to files and headings that exist', () => {
    const links = Array.from(read(path).matchAll(/\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)/g));
    const broken = links.filter(([, target = '', anchor]) => {
      const file = target === '' ? path : join(dirname(path), target);
      if (!existsSync(join(root, file))) return true;
      return anchor !== undefined && !anchorsOf(read(file)).includes(anchor);
    });
    expect(broken.map(([link]) => link)).toEqual([]);
  });
});

test.each(documentationFiles(root))('%s names tests that exist', (path) => {
  const named = Array.from(read(path).matchAll(/`(test\/[\w./-]+)`/g), ([, file]) => file as string);
  expect(named.filter((file) => !existsSync(join(root, file)))).toEqual([]);
});

describe('quoteExamples', () => {
  test('replaces the code behind a marker and nothing else', () => {
    const page = 'a\n<!-- file: x.ts -->\n```ts\nold\n```\nb';
    expect(quoteExamples(page, (path) => `content of ${path}\n`)).toBe(
      'a\n<!-- file: x.ts -->\n```ts\ncontent of x.ts\n```\nb',
    );
  });

  test('refuses a marker without a code block, and a block without an end', () => {
    expect(() => quoteExamples('<!-- file: x.ts -->\ntext', () => '')).toThrow('no code block');
    expect(() => quoteExamples('<!-- file: x.ts -->\n```ts\ntext', () => '')).toThrow('does not end');
  });
});

/** Rows of the tables of a page: name in the first column, default in another. */
function defaultsOf(path: string, column: number): Map<string, string> {
  const rows = read(path).matchAll(/^\| `(\w+)` \|(.*)\|$/gm);
  return new Map(
    Array.from(rows, ([, name, rest]) => [name as string, (rest as string).split('|')[column]?.trim() ?? '']),
  );
}

test('the options page lists every number, and every setting of compression, with its default', () => {
  const documented = defaultsOf('docs/reference/options.md', 0);
  const { compression, ...rest } = parseServerOptions({ compression: true }).limits;
  const numbers = Object.entries(rest).filter(([, value]) => typeof value === 'number');
  const all = [...numbers, ...Object.entries(compression ?? {})];
  expect(all.length).toBeGreaterThan(10);
  for (const [name, value] of all) {
    expect(documented.get(name)?.replaceAll(' ', '').replaceAll('`', ''), name).toBe(
      typeof value === 'number' ? String(value) : JSON.stringify(value),
    );
  }
});

test('the guide of the limits of topics lists each of them with its default', () => {
  const documented = defaultsOf('docs/guide/topic-limits.md', 0);
  const { limits, history } = checkTopics(true) as CheckedTopics;
  for (const [name, value] of Object.entries({ ...limits, ...history })) {
    expect(documented.get(name)?.replaceAll(' ', ''), name).toBe(String(value));
  }
});

test('the web server page lists every setting', () => {
  const documented = defaultsOf('docs/reference/web-server.md', 1);
  const web = new WebServer();
  const settings = Object.getOwnPropertyNames(WebServer.prototype).filter(
    (name) =>
      /^(HTTP|CORS|IP|TLS|min|root|default|certificate|name|hosts|request|response|max)/.test(name) &&
      !(name === 'httpServers'),
  );
  expect(settings.length).toBeGreaterThan(10);
  for (const name of settings) {
    const value: unknown = web[name as keyof WebServer];
    const shown = documented.get(name)?.replaceAll(' ', '');
    expect(shown, name).toBeDefined();
    if (typeof value === 'number' || typeof value === 'boolean') expect(shown, name).toBe(String(value));
  }
});

test('the page of what the library works with names all that is tried', () => {
  const page = read('docs/reference/works-with.md');
  const unnamed = [...peers, curl, ...proxies].filter(({ name }) => !page.includes(name));
  expect(unnamed).toEqual([]);
});
