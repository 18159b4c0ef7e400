/** Loads the package by import and by require: both must give the same classes. */
import assert from 'node:assert';
import { createRequire } from 'node:module';
import * as imported from '4d-websocket';
import { echo } from './echo.js';

const required = createRequire(import.meta.url)('4d-websocket');
for (const name of Object.keys(required)) assert.equal(imported[name], required[name], name);
assert.deepEqual(Object.keys(imported).sort(), Object.keys(required).sort());
const mixed = { WebSocket: imported.WebSocket, WebSocketServer: required.WebSocketServer };
assert.equal(await echo(mixed, 'hello'), 'hello');
