/** What bundlers put into one file for a page: the package and its door for browsers, by import and by require. */
import { WebSocket, WebSocketServer } from '4d-websocket';
import { WebSocket as ofDoor } from '4d-websocket/browser';
import library from './library.cjs';

class Server extends WebSocketServer {}

let code;
try {
  new Server();
} catch (error) {
  code = error instanceof library.FourDError && error.code;
}
console.log(library.WebSocket === WebSocket, ofDoor === WebSocket, code);
