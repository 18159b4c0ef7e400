'use strict';
const { accept, refuse } = require('4d-websocket');

const guest = {
  onMessage: (ws, { data }) => ws.wss.broadcast(`${ws.data.name}: ${data}`),
  onTerminate: (ws) => ws.wss.broadcast(`${ws.data.name} has left`),
};

/** The server handler of a chat. A guest needs a name. */
exports.chat = {
  onConnection(_wss, { request }) {
    const { name } = request.query;
    return name ? accept(guest, { data: { name } }) : refuse(401, 'who are you?');
  },
};
