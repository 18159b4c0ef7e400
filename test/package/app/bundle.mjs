/** What bundlers put into one file: the package by import and by require, without the package that serves files. */
import { WebServer, WebSocket, WebSocketServer } from '4d-websocket';
import { echo } from './echo.js';
import library from './library.cjs';

const web = new WebServer({ HTTPPort: 0, IPAddressToListen: '127.0.0.1', rootFolder: '.' });

async function main() {
  const { errors } = await web.start();
  const text = await echo({ WebSocket, WebSocketServer: library.WebSocketServer }, 'hello');
  // Node says "Cannot find module", esbuild "Dynamic require".
  const saysWhy = /Cannot find module|Dynamic require/.test(errors[0].message);
  console.log(text, library.WebSocket === WebSocket, errors[0].errCode, saysWhy);
}

void main();
