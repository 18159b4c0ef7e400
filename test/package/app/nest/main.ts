import 'reflect-metadata';
import { Controller, Get, Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { WebSocket, type WebSocketConnection, WebSocketServer } from '4d-websocket';
import type { Server } from 'node:http';

@Injectable()
class Greeter {
  greet(name: string): string {
    return `hello ${name}`;
  }
}

@Controller()
class Page {
  constructor(private readonly greeter: Greeter) {}

  @Get()
  index(): string {
    return this.greeter.greet('page');
  }
}

@Module({ controllers: [Page], providers: [Greeter] })
class App {}

async function main(): Promise<void> {
  const app = await NestFactory.create(App, { logger: ['error'] });
  await app.listen(0, '127.0.0.1');
  const greeter = app.get(Greeter);
  const wss = WebSocketServer.new(
    {
      onConnection: () => ({
        onMessage: (connection: WebSocketConnection, event) => void connection.send(greeter.greet(event.data)),
      }),
    },
    { webServer: app.getHttpServer() as Server, path: '/chat' },
  );
  const url = await app.getUrl();
  console.log(await (await fetch(url)).text());
  const answer = await new Promise<string>((resolve, reject) => {
    WebSocket.connect(`${url.replace('http', 'ws')}/chat`, { onMessage: (_, event) => resolve(event.data) }).then(
      (ws) => ws.send('client'),
      reject,
    );
  });
  console.log(answer);
  await wss?.drain();
  await app.close();
}

void main();
