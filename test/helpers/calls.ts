import type { Status } from '../../src/index.ts';

/** One call of a callback. */
export interface Call {
  readonly name: string;
  /** `this` of the callback. */
  readonly self: unknown;
  readonly parameters: readonly unknown[];
  /** Status of the client or connection, or whether the server was over, while the callback ran. */
  readonly status: Status | boolean;
}

/** Records how the callbacks of a handler are called from now on: its user does not care, so the testing kit does not tell. */
export function watchCalls(handler: object): Call[] {
  const calls: Call[] = [];
  const methods = handler as Record<string, (...parameters: object[]) => unknown>;
  for (const name of ['onOpen', 'onConnection', 'onMessage', 'onError', 'onTerminate']) {
    const original = methods[name];
    if (original === undefined) continue;
    methods[name] = function (...parameters): unknown {
      const { status, terminated } = parameters[0] as { status?: Status; terminated: boolean };
      calls.push({ name, self: this, parameters, status: status ?? terminated });
      return original.apply(this, parameters);
    };
  }
  return calls;
}
