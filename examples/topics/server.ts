import { accept, deny, grant, refuse, WebSocketServer } from '4d-websocket';

const wss = await WebSocketServer.serve(
  {
    onConnection(_wss, { request }) {
      const { name } = request.query;
      if (typeof name !== 'string') return refuse(401, 'say who you are: ?name=Ann');
      return accept(
        {
          onSubscribe(_ws, { topic }) {
            if (!/^room\/\w{1,20}$/.test(topic)) return deny(`there is no ${topic}`);
            return grant({ publish: true, presence: { show: true, watch: true } });
          },
          onPublish(_ws, { data }) {
            return typeof data === 'string' && data.length <= 500;
          },
        },
        { user: name },
      );
    },
  },
  { port: Number(process.env.PORT ?? 8080), rootFolder: 'public', topics: true },
);
console.log(wss.url); // ws://localhost:8080/
