/** Beside NestJS 12. */
import 'reflect-metadata';
import type { Server } from 'node:http';
import { WebSocketServer } from '4d-websocket';
import {
  type BeforeApplicationShutdown,
  Controller,
  Get,
  Inject,
  Injectable,
  Module,
  type OnModuleInit,
} from '@nestjs/common';
import { HttpAdapterHost, NestFactory } from '@nestjs/core';

@Controller()
class Pages {
  @Get()
  hello(): string {
    return 'hello';
  }
}

/** A provider: its callbacks can use whatever Nest injects. */
@Injectable()
class Echo implements OnModuleInit, BeforeApplicationShutdown {
  readonly #host: HttpAdapterHost;
  #wss: WebSocketServer | null = null;

  constructor(@Inject(HttpAdapterHost) host: HttpAdapterHost) {
    this.#host = host;
  }

  onModuleInit(): void {
    this.#wss = WebSocketServer.new(
      { onConnection: () => ({ onMessage: (ws, event) => ws.send(event.data) }) },
      { webServer: this.#host.httpAdapter.getHttpServer() as Server, path: '/echo', compression: true },
    );
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.#wss?.drain();
  }
}

@Module({ controllers: [Pages], providers: [Echo] })
class App {}

const app = await NestFactory.create(App, { logger: ['error', 'warn'] });
app.enableShutdownHooks();
await app.listen(Number(process.env.PORT ?? 8080), '127.0.0.1');
console.log((app.getHttpServer() as Server).address());
