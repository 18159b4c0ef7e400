/** A build of the library whose server crashes at the hundredth message, for the tests of the benchmark. */
import { type WebServer as AnyWebServer, WebSocketServer as Original } from '../../src/index.ts';

export { WebServer } from '../../src/index.ts';

const FATAL_MESSAGE = 100;

export const WebSocketServer = {
  new(_handler: unknown, { webServer }: { readonly webServer: AnyWebServer }): void {
    let messages = 0;
    Original.new(
      {
        onConnection: () => ({
          onMessage(ws, event) {
            if (++messages === FATAL_MESSAGE) process.exit(7);
            ws.send(event.data);
          },
        }),
      },
      { webServer },
    );
  },
};
