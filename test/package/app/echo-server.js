const { WebSocketServer } = require('4d-websocket');

/** Prints its URL, and echoes until its input ends. */
WebSocketServer.serve(
  { onConnection: () => ({ onMessage: (connection, event) => connection.send(event.data) }) },
  { host: '127.0.0.1', dataType: 'auto' },
).then((wss) => {
  console.log(wss.url);
  process.stdin.resume().on('end', () => process.exit());
});
