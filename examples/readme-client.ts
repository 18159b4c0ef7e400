import { WebSocket } from '4d-websocket';
const url = process.argv[2] ?? 'ws://localhost:8080/';
const ws = await WebSocket.connect(url, { onMessage: (_ws, event) => console.log(event.data) });
ws.send('hello'); // prints HELLO
