import { brotliCompressSync } from 'node:zlib';
import { rolldown } from 'rolldown';
import { describe, expect, test } from 'vitest';
import * as browserDoor from '../../src/browser.ts';
import * as nodeDoor from '../../src/index.ts';
import * as inBrowser from '../../src/index-in-browser.ts';

/** Bundles a module as applications do. */
async function bundle(code: string): Promise<string> {
  const build = await rolldown({
    input: 'application',
    platform: 'browser',
    plugins: [
      {
        name: 'application',
        resolveId: (id) => (id === 'application' ? id : null),
        load: (id) => (id === 'application' ? code : null),
      },
    ],
  });
  const { output } = await build.generate({ minify: true, comments: false });
  await build.close();
  expect(output).toHaveLength(1);
  return output[0].code;
}

describe.each([
  ['browser', 4096],
  ['index-in-browser', 4096],
  // 3 KB more than without topics.
  ['browser-topics', 7168],
])('the door %s', (door, bytes) => {
  test(`takes at most ${bytes} bytes of a bundle that uses WebSocket alone`, async () => {
    const file = new URL(`../../src/${door}.ts`, import.meta.url).pathname;
    const code = await bundle(`import { WebSocket } from '${file}'; globalThis.socket = new WebSocket('ws://a.test');`);
    expect(code).not.toMatch(/\brequire\(|`node:|\bBuffer\./);
    expect(brotliCompressSync(code).length).toBeLessThanOrEqual(bytes);
  });
});

describe('4d-websocket in a bundle for browsers', () => {
  test('has each name that it has in Node, and the client of the door for browsers', () => {
    expect(Object.keys(inBrowser).toSorted()).toEqual(Object.keys(nodeDoor).toSorted());
    expect(inBrowser.WebSocket).toBe(browserDoor.WebSocket);
    expect(inBrowser.FourDError).toBe(browserDoor.FourDError);
  });

  const absent = Object.entries(inBrowser).filter(([name]) => !(name in browserDoor));

  test.each(absent)('%s says why it cannot exist, whenever it is used', (name, value) => {
    const used = value as unknown as { (): void; new (): object; readonly new: unknown };
    const problem = expect.objectContaining({
      code: 'ERR_NOT_IN_BROWSER',
      errCode: -20020,
      message: expect.stringMatching(new RegExp(`^${name} does not exist in a browser: .{20}`)) as string,
    }) as Error;
    expect(() => used()).toThrow(problem);
    expect(() => new used()).toThrow(problem);
    expect(() => used.new).toThrow(problem);
    // A module that only declares a class crashes at no start.
    class Extended extends used {}
    expect(() => new Extended()).toThrow(problem);
    expect({} instanceof used).toBe(false);
  });
});
