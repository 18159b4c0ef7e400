import type { LookupAddress } from 'node:dns';
import type { LookupFunction } from 'node:net';
import type { ConnectionOptions as TlsOptions } from 'node:tls';
import { ignoreRejection, onRejection } from '../base/promises.ts';
import { withoutFinalDot } from '../handshake/authority.ts';
import { invalidOption, readGuarded } from '../session/option-checks.ts';
import { toNodeError } from './node-error.ts';

type IdentityCheck = NonNullable<TlsOptions['checkServerIdentity']>;
type PskCallback = NonNullable<TlsOptions['pskCallback']>;

/**
 * Reads the option `tls` once. Node calls the functions in it from events of the network, where an exception would end
 * the process: each gets a catch, and what it throws becomes the error of the connection.
 *
 * @throws FourDError `ERR_INVALID_OPTION`
 */
export function checkTls(value: unknown): TlsOptions {
  if (value === undefined || value === null) return {};
  if (typeof value !== 'object') throw invalidOption('tls must be an object', 'HTCL');
  const tls: TlsOptions = readGuarded('tls', () => ({ ...value }), 'HTCL');
  const { checkServerIdentity, lookup, pskCallback, servername } = tls;
  if (typeof servername === 'string') tls.servername = withoutFinalDot(servername);
  if (typeof checkServerIdentity === 'function') tls.checkServerIdentity = guardIdentityCheck(checkServerIdentity);
  if (typeof lookup === 'function') tls.lookup = guardLookup(lookup);
  if (typeof pskCallback === 'function') tls.pskCallback = guardPskCallback(pskCallback);
  return tls;
}

function guardIdentityCheck(check: IdentityCheck): IdentityCheck {
  return (hostname, certificate) => {
    try {
      const problem: unknown = check(hostname, certificate);
      // Any other value refuses the server, as it does for Node, a promise too: it is no decision.
      return problem ? toNodeError(problem) : undefined;
    } catch (thrown) {
      return toNodeError(thrown);
    }
  };
}

function guardLookup(lookup: LookupFunction): LookupFunction {
  return (hostname, options, callback) => {
    let isOver = false;
    const end = (error: Error | null, address: string | LookupAddress[], family?: number): void => {
      if (isOver) return;
      isOver = true;
      callback(error, address, family);
    };
    const fail = (thrown: unknown): void => end(toNodeError(thrown), []);
    const done = (error: unknown, found: unknown, family: unknown): void => {
      if (error) {
        fail(error);
        return;
      }
      let addresses: LookupAddress[];
      try {
        addresses = readAddresses(options.all === true ? found : [{ address: found, family }]);
      } catch (thrown) {
        fail(thrown);
        return;
      }
      if (options.all === true) end(null, addresses);
      else end(null, addresses[0]?.address ?? '', addresses[0]?.family);
    };
    try {
      const result = lookup(hostname, options, done) as unknown;
      // Without this, the connection would wait for an asynchronous function that fails before it calls back.
      onRejection(result, fail);
    } catch (thrown) {
      fail(thrown);
    }
  };
}

/** Copies the addresses that a function of the user found. Node relies on there being one. */
function readAddresses(found: unknown): LookupAddress[] {
  const addresses = Array.from(found as Iterable<{ address: unknown; family: unknown }>, ({ address, family }) => ({
    address: String(address),
    family: Number(family),
  }));
  if (addresses.length === 0) throw new Error('tls.lookup found no address');
  return addresses;
}

function guardPskCallback(callback: PskCallback): PskCallback {
  return (hint) => {
    try {
      const answer = callback(hint);
      if (answer === null || answer === undefined) return null;
      ignoreRejection(answer);
      const { psk, identity } = answer;
      // Node describes wrong values in its error, which would run their code.
      if (ArrayBuffer.isView(psk) && typeof identity === 'string') return { psk, identity };
      throw new TypeError('tls.pskCallback must return null, or an object with bytes as psk and a string as identity');
    } catch (thrown) {
      // Node turns an exception of this function into the error of the connection.
      throw toNodeError(thrown);
    }
  };
}
