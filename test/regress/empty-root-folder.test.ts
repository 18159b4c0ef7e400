import { join } from 'node:path';
import { expect, test } from 'vitest';
import { WebServer } from '../../src/index.ts';
import { makeFolder } from '../helpers/folder.ts';
import { requestPath } from '../helpers/http.ts';
import { startWebServer } from '../helpers/library-server.ts';

/** The package send reads root '' as no root, which serves the whole disk. */
test('an empty rootFolder is refused, and no absolute path is served', async () => {
  expect(() => new WebServer({ rootFolder: '' })).toThrow('rootFolder must be a string that is not empty');
  const secret = join(makeFolder({ 'secret.txt': 'secret' }), 'secret.txt');
  for (const rootFolder of [undefined, makeFolder({ 'index.html': 'home' })]) {
    const web = await startWebServer({ rootFolder });
    expect((await requestPath(web.HTTPPort, secret)).status).toBe(404);
    expect(await web.start({ rootFolder: '' })).toMatchObject({ success: false });
  }
});
