/**
 * Names that other WebSocket libraries and browsers use for what has another name here, or is done in another way. Each
 * stands with what to write instead. `npm run names:docs` writes the reference page of them.
 */
export type ForeignNames = Readonly<Record<string, string>>;

/** Options of both sides. */
const COMMON: ForeignNames = {
  binaryType: 'dataType "blob" or "auto"',
  closeTimeout: 'closeTimeoutMs',
  debug: 'the environment variable NODE_DEBUG=4d-websocket',
  deflate: 'compression',
  dropConnectionOnKeepaliveTimeout: 'pongTimeoutMs',
  handshakeTimeout: 'handshakeTimeoutMs',
  heartbeat: 'pingIntervalMs and pongTimeoutMs',
  heartbeatInterval: 'pingIntervalMs',
  heartbeatTimeout: 'pongTimeoutMs',
  httpCompression: 'compression',
  idleTimeout: 'pingIntervalMs and pongTimeoutMs, which are in milliseconds',
  keepAlive: 'pingIntervalMs',
  keepalive: 'pingIntervalMs',
  keepaliveGracePeriod: 'pongTimeoutMs',
  keepaliveInterval: 'pingIntervalMs',
  backpressureLimit: 'maxBufferedBytes',
  closeOnBackpressureLimit: 'bufferPolicy',
  maxBackpressure: 'maxBufferedBytes',
  maxFrameSize: 'maxMessageBytes',
  maxMessageSize: 'maxMessageBytes',
  maxPayload: 'maxMessageBytes',
  maxPayloadLength: 'maxMessageBytes',
  maxReceivedFrameSize: 'maxMessageBytes',
  maxReceivedMessageSize: 'maxMessageBytes',
  parser: 'dataType',
  perMessageDeflate: 'compression',
  perMessageDeflateOptions: 'compression',
  pingInterval: 'pingIntervalMs',
  pingTimeout: 'pongTimeoutMs',
  protocol: 'protocols, an array',
  sendPings: 'pingIntervalMs',
  sendPingsAutomatically: 'pingIntervalMs',
  subprotocols: 'protocols',
  transports: 'nothing: WebSocket is the only transport',
};

/** TLS options that other clients take beside the rest. */
const TLS_NAMES = ['ca', 'cert', 'checkServerIdentity', 'key', 'passphrase', 'pfx', 'rejectUnauthorized', 'servername'];

type OptionTaker =
  | 'client'
  | 'server'
  | 'webServer'
  | 'reconnect'
  | 'compression'
  | 'send'
  | 'broadcast'
  | 'accept'
  | 'drain';

/** Options, by what takes them. */
export const FOREIGN_OPTIONS: Readonly<Record<OptionTaker, ForeignNames>> = {
  client: {
    ...COMMON,
    ...Object.fromEntries(TLS_NAMES.map((name) => [name, `tls: { ${name} }`])),
    ackTimeout: 'a time of your own: the protocol has no acknowledgements',
    agent: 'proxy for a proxy, tls for TLS',
    auth: 'user and password in the URL, or headers of the handler',
    connectTimeout: 'handshakeTimeoutMs for each attempt, connectTimeoutMs for all of them',
    connectionTimeout: 'handshakeTimeoutMs for each attempt, connectTimeoutMs for all of them',
    dataType: 'dataType of the handler',
    onInvalid: 'onInvalid of the handler',
    schema: 'schema of the handler',
    validateOutgoing: 'validateOutgoing of the handler',
    extraHeaders: 'headers of the handler',
    headers: 'headers of the handler',
    maxEnqueuedMessages: 'reconnect: { maxQueuedMessages }',
    maxReconnectionDelay: 'reconnect: { maxDelayMs }',
    maxRedirects: 'followRedirects',
    maxRetries: 'reconnect: { maxAttempts }',
    minReconnectionDelay: 'reconnect: { minDelayMs }',
    minUptime: 'reconnect: the count of attempts starts anew after maxDelayMs',
    onlyOnce: 'reconnect: false',
    origin: 'headers of the handler: { origin }',
    path: 'the path of the URL',
    query: 'the query of the URL',
    reconnectInterval: 'reconnect: { minDelayMs, maxDelayMs }',
    reconnection: 'reconnect',
    reconnectionAttempts: 'reconnect: { maxAttempts }',
    reconnectionDelay: 'reconnect: { minDelayMs }',
    reconnectionDelayGrowFactor: 'reconnect: { factor }',
    reconnectionDelayMax: 'reconnect: { maxDelayMs }',
    port: 'the port of the URL',
    retries: 'reconnect: { maxAttempts }',
    retryAttempts: 'reconnect: { maxAttempts }',
    shouldReconnect: 'reconnect: { shouldReconnect }',
    shouldRetry: 'reconnect: { shouldReconnect }',
    secure: 'a URL that begins with wss://',
    startClosed: 'nothing: create the client when it is to connect',
    autoConnect: 'nothing: create the client when it is to connect',
    timeout: 'handshakeTimeoutMs for each attempt, connectTimeoutMs for all of them',
    tlsOptions: 'tls',
    withCredentials: 'headers of the handler: { cookie }',
  },
  server: {
    ...COMMON,
    allowRequest: 'onConnection of the handler, which accepts or refuses',
    allowedOrigins: 'origins',
    autoAcceptConnections: 'onConnection of the handler, which accepts or refuses',
    cert: 'WebSocketServer.serve(handler, { tls: { key, cert } })',
    clientTracking: 'wss.connections, which is always there',
    cookie: 'accept(handler, { headers: { "set-cookie": … } })',
    cors: 'origins',
    cert_file_name: 'WebSocketServer.serve(handler, { tls: { key, cert } })',
    handleProtocols: 'protocols, or accept(handler, { protocol })',
    host: 'WebSocketServer.serve(handler, { host }), or webServer',
    hostname: 'WebSocketServer.serve(handler, { host }), or webServer',
    https: 'WebSocketServer.serve(handler, { tls: { key, cert } })',
    httpServer: 'webServer',
    key: 'WebSocketServer.serve(handler, { tls: { key, cert } })',
    key_file_name: 'WebSocketServer.serve(handler, { tls: { key, cert } })',
    maxClients: 'maxConnections',
    maxHttpBufferSize: 'maxMessageBytes',
    maxLifetime: 'connection.expiresAt',
    noServer: 'webServer: null and wss.handleUpgrade()',
    onConnection: 'onConnection of the handler, the first argument',
    port: 'WebSocketServer.serve(handler, { port }), or webServer',
    server: 'webServer',
    ssl: 'WebSocketServer.serve(handler, { tls: { key, cert } })',
    upgradeTimeout: 'handshakeTimeoutMs',
    rootFolder: 'WebSocketServer.serve(handler, { rootFolder })',
    tls: 'WebSocketServer.serve(handler, { tls: { key, cert } })',
    upgrade: 'onConnection of the handler, which accepts or refuses',
    verifyClient: 'onConnection of the handler, which accepts or refuses',
  },
  webServer: {
    cert: 'certificateFolder',
    cors: 'CORSEnabled and CORSSettings',
    host: 'IPAddressToListen',
    hostname: 'IPAddressToListen',
    https: 'HTTPSEnabled and certificateFolder',
    key: 'certificateFolder',
    port: 'HTTPPort',
    public: 'rootFolder',
    root: 'rootFolder',
    tls: 'HTTPSEnabled and certificateFolder',
  },
  reconnect: {
    attempts: 'reconnect.maxAttempts',
    backoff: 'reconnect.factor',
    delay: 'reconnect.minDelayMs',
    growFactor: 'reconnect.factor',
    maxRetries: 'reconnect.maxAttempts',
    retries: 'reconnect.maxAttempts',
  },
  compression: {
    serverMaxWindow: 'compression.serverMaxWindowBits',
    zlibDeflateOptions: 'compression.level',
  },
  send: {
    binary: 'bytes for a binary message, a string for a text message',
    cb: 'the result of send, and drained()',
    volatile: 'droppable',
  },
  broadcast: {
    binary: 'bytes for a binary message, a string for a text message',
    exclude: 'except',
    volatile: 'droppable',
  },
  accept: { context: 'data', protocols: 'protocol', subprotocol: 'protocol', userData: 'data' },
  drain: { graceMs: 'deadlineMs', timeout: 'deadlineMs', timeoutMs: 'deadlineMs' },
};

/** Callbacks of both sides. */
const COMMON_CALLBACKS = {
  onBinary: 'onMessage, with event.isBinary',
  onClose: 'onTerminate',
  onClosed: 'onTerminate',
  onConnect: 'onOpen',
  onConnected: 'onOpen',
  onData: 'onMessage',
  onEnd: 'onTerminate',
  onText: 'onMessage, with event.isBinary',
  onOpened: 'onOpen',
} as const;

const OF_THE_CONNECTION = 'of the object that onConnection returns';

/** Callbacks, by the handler that has them. Case does not count. */
export const FOREIGN_CALLBACKS: Readonly<Record<'client' | 'connection' | 'server', ForeignNames>> = {
  client: {
    ...COMMON_CALLBACKS,
    onReconnected: 'onReconnect',
    onReconnecting: 'onDisconnect',
  },
  connection: { ...COMMON_CALLBACKS, onDisconnect: 'onTerminate', onInvalid: 'the option onInvalid of the server' },
  server: {
    onInvalid: 'the option onInvalid',
    onClose: 'onTerminate',
    onClosed: 'onTerminate',
    onConnect: 'onConnection',
    onDisconnect: `onTerminate ${OF_THE_CONNECTION}`,
    onListen: 'onOpen',
    onListening: 'onOpen',
    onRequest: 'onConnection',
    onUpgrade: 'onConnection',
    onHeaders: 'onConnection, which accepts with headers',
    handleProtocols: 'the option protocols, or accept(handler, { protocol })',
    verifyClient: 'onConnection',
  },
};

const EVENTS = { close: 'onTerminate', error: 'onError', message: 'onMessage', open: 'onOpen' } as const;

/**
 * Names of events, and callbacks that stand in the wrong handler, by the handler that has them. They may be methods of the
 * user's own, so they count only where a handler has no callback of ours, or not the one that it must have.
 */
export const FOREIGN_EVENTS: Readonly<Record<'client' | 'connection' | 'server', ForeignNames>> = {
  client: EVENTS,
  connection: { ...EVENTS, drain: 'onDrain' },
  server: {
    close: `onTerminate ${OF_THE_CONNECTION}`,
    connection: 'onConnection',
    message: `onMessage ${OF_THE_CONNECTION}`,
    onMessage: `onMessage ${OF_THE_CONNECTION}`,
    open: `onOpen ${OF_THE_CONNECTION}`,
    upgrade: 'onConnection',
  },
};
