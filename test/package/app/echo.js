'use strict';

/** Sends a text through a client and a server of the library, and returns what comes back. */
exports.echo = async function echo({ WebSocket, WebSocketServer }, text) {
  const wss = await WebSocketServer.serve(
    { onConnection: () => ({ onMessage: (connection, event) => connection.send(event.data) }) },
    { host: '127.0.0.1' },
  );
  try {
    return await new Promise((resolve, reject) => {
      WebSocket.connect(wss.url, {
        onMessage: (ws, event) => {
          resolve(event.data);
          ws.terminate();
        },
      }).then((ws) => ws.send(text), reject);
    });
  } finally {
    await wss.drain();
  }
};
