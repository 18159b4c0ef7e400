import { createInterface } from 'node:readline';
import { WebSocket } from '4d-websocket';

const [name = 'Ann', room = 'tea', url = 'ws://localhost:8080/'] = process.argv.slice(2);

const ws = await WebSocket.connect(`${url}?name=${name}`, null, {
  topics: true,
  reconnect: true,
});
const topic = ws.subscribe(
  `room/${room}`,
  {
    onSubscribed: (_room, { state }) => console.log(`* in room ${room} (${state})`),
    onMessage: (_room, { from, data, isReplayed }) =>
      console.log(`${isReplayed ? '(earlier) ' : ''}${from}: ${String(data)}`),
    onGap: (_room, { reason }) => console.log(`* messages are missing here: ${reason}`),
    onMembers: (_room, { list }) => console.log(`* here: ${list.map(({ user }) => user).join(', ') || 'nobody yet'}`),
    onJoin: (_room, { user }) => console.log(`* ${user} has come`),
    onLeave: (_room, { user }) => console.log(`* ${user} has left`),
    onRefused: (_room, { code, message }) => console.log(`* refused: ${message} (${code})`),
  },
  { since: { last: 20 }, presence: { show: true, watch: true } },
);

for await (const line of createInterface({ input: process.stdin })) {
  try {
    await topic.publish(line);
  } catch (error) {
    console.log(`* not said: ${String(error)}`);
  }
}
ws.terminate();
