/**
 * Topics on many machines: a broker whose logs lie in a Redis or Valkey server, or in a cluster of them.
 *
 * @packageDocumentation
 */
export { redisBroker } from './redis/redis-broker.ts';
export { type RedisBrokerOptions, type RedisTls } from './redis/options.ts';
