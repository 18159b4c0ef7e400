import type * as Library from '@redis/client';
import { BrokerError } from '../topics/broker.ts';

/** The client library for Redis, which users install beside this one. */
export type ClientLibrary = (typeof Library)['default'];

/** @throws BrokerError `'misconfigured'` when the package is not installed */
export async function loadClientLibrary(): Promise<ClientLibrary> {
  try {
    const module: { readonly default?: ClientLibrary } = await import('@redis/client');
    // Some loaders of TypeScript give a CommonJS module as it is.
    return module.default ?? (module as ClientLibrary);
  } catch (thrown) {
    const message = 'redisBroker needs the package @redis/client: npm install @redis/client';
    throw new BrokerError('misconfigured', message, { cause: thrown });
  }
}
