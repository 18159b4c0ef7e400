/** Calls the library first when its engine is missing, then with fake timers, in the contexts of a request. */
const { AsyncLocalStorage } = require('node:async_hooks');
const { renameSync } = require('node:fs');
const { dirname, join } = require('node:path');
const { mock } = require('node:test');
const library = require('4d-websocket');
const { echo } = require('./echo.js');

const engine = join(dirname(require.resolve('4d-websocket')), 'engine.js');
const request = new AsyncLocalStorage();

async function main() {
  setTimeout(() => process.exit(1), 5000).unref();
  renameSync(engine, `${engine}.away`);
  console.log(await echo(library, 'too early').catch((error) => error.code));
  renameSync(`${engine}.away`, engine);
  mock.timers.enable({ apis: ['setImmediate', 'setTimeout'] });
  console.log(await request.run('first', () => echo(library, 'hello')));
  console.log(library.parts.front.runInOwnContext(() => request.getStore()));
}

void main();
