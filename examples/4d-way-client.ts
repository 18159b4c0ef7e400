import { WebSocket } from '4d-websocket';

const url = process.argv[2] ?? 'ws://127.0.0.1:8080/shout?token=abc';

const ws = await WebSocket.new(url, {
  onMessage(socket, event) {
    console.log(event.data); // Welcome, then HELLO
    if (event.data === 'HELLO') socket.terminate();
  },
  onError(_socket, event) {
    console.error(event.errors);
  },
  onTerminate(_socket, event) {
    console.log(`ended with ${event.code}`);
  },
});
ws?.send('hello');
