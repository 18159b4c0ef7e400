import { FourDError } from './browser-error.ts';

/** The number of `ERR_NOT_IN_BROWSER`, which the client alone never needs. */
const NOT_IN_BROWSER = -20020;

/**
 * Stands for a name of `4d-websocket` that cannot exist in a browser, so that code for both sides can be bundled. It may
 * be imported and extended; every use of it throws.
 *
 * @param reason - why, and what to do instead
 */
function absent(name: string, reason: string): never {
  const fail = (): never => {
    const message = `${name} does not exist in a browser: ${reason}`;
    throw Object.assign(new FourDError('ERR_NOT_IN_BROWSER', message), { errCode: NOT_IN_BROWSER });
  };
  const traps: ProxyHandler<() => void> = {
    apply: fail,
    construct: fail,
    // Tools look at symbols, and a class that extends this one at its prototype.
    get: (target, key) => (typeof key === 'symbol' || key === 'prototype' ? Reflect.get(target, key) : fail()),
  };
  return new Proxy(function () {}, traps) as never;
}

const SERVER = 'a page cannot listen for connections; run the server in Node.js, and connect to it with WebSocket';
const WORKERS = 'a page has no 4D workers; use a Web Worker';
const ERRORS = 'errors reject, or go to onError; use try and catch';
const FIGURES = 'a page publishes no figures; read those of the server';

export const WebServer: never = /* @__PURE__ */ absent('WebServer', SERVER);
export const webServer: never = /* @__PURE__ */ absent('webServer', SERVER);
export const WebSocketServer: never = /* @__PURE__ */ absent('WebSocketServer', SERVER);
export const WebSocketConnection: never = /* @__PURE__ */ absent('WebSocketConnection', SERVER);
export const accept: never = /* @__PURE__ */ absent('accept', SERVER);
export const refuse: never = /* @__PURE__ */ absent('refuse', SERVER);
export const grant: never = /* @__PURE__ */ absent('grant', SERVER);
export const deny: never = /* @__PURE__ */ absent('deny', SERVER);
export const memoryBroker: never = /* @__PURE__ */ absent('memoryBroker', SERVER);
export const bearerToken: never = /* @__PURE__ */ absent('bearerToken', SERVER);
export const secretsEqual: never = /* @__PURE__ */ absent('secretsEqual', SERVER);
export const setGlobalLimits: never = /* @__PURE__ */ absent('setGlobalLimits', SERVER);
export const clientMetrics: never = /* @__PURE__ */ absent('clientMetrics', FIGURES);
export const metricsText: never = /* @__PURE__ */ absent('metricsText', FIGURES);
export const callWorker: never = /* @__PURE__ */ absent('callWorker', WORKERS);
export const killWorker: never = /* @__PURE__ */ absent('killWorker', WORKERS);
export const currentProcessName: never = /* @__PURE__ */ absent('currentProcessName', WORKERS);
export const processVariables: never = /* @__PURE__ */ absent('processVariables', WORKERS);
export const ek: never = /* @__PURE__ */ absent('ek', ERRORS);
export const lastErrors: never = /* @__PURE__ */ absent('lastErrors', ERRORS);
export const onErrCall: never = /* @__PURE__ */ absent('onErrCall', ERRORS);
export const throwError: never = /* @__PURE__ */ absent('throwError', ERRORS);
export const tryExpr: never = /* @__PURE__ */ absent('tryExpr', ERRORS);
