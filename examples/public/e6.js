/**
 * The page of examples/e6-object-chat.ts, with the client for browsers: the build puts it beside this file.
 */
import { WebSocket } from './4d-websocket.js';
import { showConnected, showEnded, showLost, showMessage, showNotice, showPeople, startView } from './view.js';

/** The id that the server gave me; undefined until the welcome message. */
let myId;

const handler = {
  dataType: 'object',

  onMessage(_socket, { data }) {
    const { type, who, present } = data;
    if (type === 'welcome') {
      showNotice(myId === undefined ? 'You joined as ' : 'You are back as ', who);
      myId = who.id;
      showConnected();
    }
    if (type === 'joined') showNotice('', who, ' joined');
    if (type === 'left') showNotice('', who, ' left');
    if (type === 'message') showMessage({ ...data, isMine: data.name === 'Me' });
    if (present !== undefined) showPeople(present, myId);
  },

  onDisconnect: (_socket, { delayMs }) => showLost(delayMs),

  onTerminate: (_socket, { message }) => showEnded(message),
};

startView({ send: (text) => socket.send({ text }), reconnect: () => socket.reconnect() });

const url = new URL('.', location.href);
url.protocol = url.protocol.replace('http', 'ws');
const socket = new WebSocket(url, handler, {
  connectTimeoutMs: Infinity,
  // Whatever ended the connection, a chat is there again some day.
  reconnect: { minDelayMs: 500, maxDelayMs: 15_000, shouldReconnect: () => true },
});
