import { WebSocketServer } from '4d-websocket';
const wss = await WebSocketServer.serve(
  { onConnection: () => ({ onMessage: (ws, event) => ws.send(event.data.toUpperCase()) }) },
  { port: Number(process.env.PORT ?? 8080) },
);
console.log(wss.url); // ws://localhost:8080/
