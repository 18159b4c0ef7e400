/** What a server says of a broker that it cannot open. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { accept, type FourDError, memoryBroker, WebSocketServer } from '../../src/index.ts';
import { type Broker, BrokerError, type BrokerErrorCode, type BrokerSink } from '../../src/topics/broker.ts';
import { recordErrors } from '../helpers/error-handlers.ts';
import { useFakeClock } from '../helpers/fake-clock.ts';
import { turns } from '../helpers/turns.ts';
import { HeldBroker } from '../topics/held-broker.ts';

/** A broker that fails as often as the list says before it opens. */
class FailingBroker extends HeldBroker {
  readonly #failures: [BrokerErrorCode, string][];

  constructor(...failures: [BrokerErrorCode, string][]) {
    super(memoryBroker());
    this.#failures = failures;
  }

  override async open(sink: BrokerSink): Promise<void> {
    const [code, message] = this.#failures.shift() ?? [];
    if (code !== undefined) throw new BrokerError(code, message!);
    await super.open(sink);
  }
}

function serve(broker: Broker, errors?: FourDError[]): Promise<WebSocketServer & { readonly url: string }> {
  const onError = (_wss: unknown, { error }: { error: FourDError }): void => void errors?.push(error);
  const handler = { onConnection: () => accept({ onMessage: () => {} }), ...(errors && { onError }) };
  return WebSocketServer.serve(handler, { host: '127.0.0.1', port: 0, topics: { broker } });
}

test('onError hears once why the broker cannot be opened, and the topics work when it can', async () => {
  const clock = useFakeClock();
  const errors = [] as FourDError[];
  const refused: [BrokerErrorCode, string] = ['down', 'connect ECONNREFUSED'];
  const wss = await serve(new FailingBroker(refused, refused, ['misconfigured', 'the policy is wrong']), errors);
  onTestFinished(() => wss.terminate());
  const publishing = wss.topics.publish('room', 'hello');
  await turns(5);
  for (let second = 0; second < 3; second++) await clock.advance(1100);
  expect(await publishing).toMatchObject({ duplicate: false });
  await turns(5);
  const told = errors.map(({ code, message }) => `${code}: ${message}`);
  expect(told).toEqual([
    'ERR_BROKER_DOWN: the broker of the topics cannot be opened, it is tried again: connect ECONNREFUSED',
    'ERR_BROKER_MISCONFIGURED: the broker of the topics cannot be opened, it is tried again: the policy is wrong',
  ]);
});

test('serve rejects when the settings of the broker are wrong, and leaves no port open', async () => {
  const errors = [] as FourDError[];
  let port = 0;
  const broker = new FailingBroker(['misconfigured', 'the policy is wrong']);
  const onOpen = (wss: WebSocketServer): void => {
    port = Number(new URL(wss.url!).port);
  };
  const onError = (_wss: unknown, { error }: { error: FourDError }): void => void errors.push(error);
  const handler = { onConnection: () => accept({ onMessage: () => {} }), onOpen, onError };
  await expect(WebSocketServer.serve(handler, { host: '127.0.0.1', topics: { broker } })).rejects.toMatchObject({
    code: 'ERR_BROKER_MISCONFIGURED',
    message: expect.stringContaining('policy') as string,
  });
  await turns(10);
  expect(errors).toEqual([]);
  const [error] = (await once(connect(port, '127.0.0.1'), 'error')) as [{ code: string }];
  expect(error.code).toBe('ECONNREFUSED');
});

test('without onError the error handler hears of it', async () => {
  const errors = recordErrors();
  const wss = await serve(new FailingBroker(['down', 'connect ECONNREFUSED']));
  onTestFinished(() => wss.terminate());
  await turns(5);
  expect(errors.flat()).toMatchObject([
    { errCode: -20024, message: expect.stringContaining('ECONNREFUSED') as string },
  ]);
});
