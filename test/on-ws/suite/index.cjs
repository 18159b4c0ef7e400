/** What the tests of ws get for `require('..')`: the door, with the options that give the behaviour of ws. */
const door = require(process.env.WS_DOOR);

const AS_WS = {
  throwAsWs: true,
  origins: '*',
  maxPayload: 104_857_600,
  maxFragments: 16_384,
  maxBufferedBytes: Infinity,
  maxControlFramesPerSecond: Infinity,
};

const Server = new Proxy(door.Server, {
  construct: (Class, [options, callback], newTarget) =>
    Reflect.construct(Class, [{ ...AS_WS, ...options }, callback], newTarget),
});

const WebSocket = new Proxy(door, {
  construct(Class, [address, protocols, options], newTarget) {
    const isOptions = typeof protocols === 'object' && protocols !== null && !Array.isArray(protocols);
    const given = { ...AS_WS, ...(isOptions ? protocols : options) };
    return Reflect.construct(Class, [address, isOptions ? undefined : protocols, given], newTarget);
  },
});

module.exports = Object.assign(WebSocket, { WebSocket, Server, WebSocketServer: Server });
