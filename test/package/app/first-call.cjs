/** Makes the first call of the library when its engine is missing, and in the contexts of a request. */
const { AsyncLocalStorage } = require('node:async_hooks');
const { renameSync } = require('node:fs');
const { dirname, join } = require('node:path');
const { currentProcessName, parts } = require('4d-websocket');

const engine = join(dirname(require.resolve('4d-websocket')), 'engine.js');
const request = new AsyncLocalStorage();

function call() {
  try {
    return currentProcessName();
  } catch (error) {
    return error.code ?? error.message;
  }
}

renameSync(engine, `${engine}.away`);
console.log(call());
renameSync(`${engine}.away`, engine);
console.log(request.run('first', call));
console.log(parts.front.runInOwnContext(() => request.getStore()));
