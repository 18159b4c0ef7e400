/** The rules of behaviour. Each is proved by at least one test whose title begins with its number: `4D-082 …`. */
export interface Rule {
  /** Three digits; 169 was never given out. */
  readonly id: string;
  readonly area: string;
  readonly statement: string;
}

export const rules: readonly Rule[] = [
  {
    id: '001',
    area: 'Client: creation',
    statement:
      'Awaiting WebSocket.new(url, handler) against a running server gives a WebSocket with status "Connected".',
  },
  {
    id: '002',
    area: 'Client: creation',
    statement: 'When WebSocket.new() hands the object over, onOpen has already run.',
  },
  {
    id: '003',
    area: 'Client: creation',
    statement: 'onOpen gets (ws, event) with event.type "open"; ws is the very object that WebSocket.new() then gives.',
  },
  { id: '004', area: 'Client: creation', statement: 'send() works inside onOpen.' },
  { id: '005', area: 'Client: creation', statement: 'Without a handler argument the connection opens all the same.' },
  {
    id: '006',
    area: 'Client: creation',
    statement: 'A handler with onMessage and onTerminate alone causes no failure when the socket opens or fails.',
  },
  { id: '007', area: 'Client: creation', statement: 'A plain object with function-valued properties is a handler.' },
  {
    id: '008',
    area: 'Client: creation',
    statement: 'Without reconnect (see 200), a refused port gives null and generates an error.',
  },
  {
    id: '009',
    area: 'Client: creation',
    statement: 'With an error handler installed, a refused port calls it once and raises nothing.',
  },
  {
    id: '010',
    area: 'Client: creation',
    statement:
      'Without an error handler, a refused port rejects with a FourDError that has errCode, message and componentSignature.',
  },
  {
    id: '011',
    area: 'Client: creation',
    statement:
      'Without reconnect (see 200), a refused port through WebSocket.new() runs neither onError nor onTerminate; through new WebSocket() it runs onError, then onTerminate with 1006, and ready resolves to null.',
  },
  {
    id: '012',
    area: 'Client: creation',
    statement:
      'A server that answers 404, or 200 without upgrading, gives null and an error with httpStatus, the response headers and the first 64 KiB of the body.',
  },
  { id: '013', area: 'Client: creation', statement: 'A wrong Sec-WebSocket-Accept gives null and an error.' },
  {
    id: '014',
    area: 'Client: creation',
    statement: 'An http: URL, an empty text or a malformed URL gives null and an error, without any network traffic.',
  },
  { id: '015', area: 'Client: creation', statement: 'wss: connects to a TLS server whose certificate is trusted.' },
  {
    id: '016',
    area: 'Client: creation',
    statement: 'A URL with port, a path with slashes and a query is requested unchanged.',
  },
  { id: '017', area: 'Client: creation', statement: 'url is the text that was passed to new().' },
  { id: '018', area: 'Client: creation', statement: 'handler is the very object that was passed to new().' },
  {
    id: '019',
    area: 'Client: creation',
    statement: 'id is an integer that differs between two sockets open at the same time.',
  },
  {
    id: '020',
    area: 'Client: creation',
    statement: 'Assigning to dataType, handler, id, status or url changes nothing.',
  },
  { id: '021', area: 'Client: creation', statement: 'dataType is "text" when the handler names none.' },
  { id: '022', area: 'Client: creation', statement: 'dataType mirrors "blob" or "object" of the handler.' },
  { id: '023', area: 'Client: creation', statement: 'An unknown dataType gives null and an error.' },
  {
    id: '024',
    area: 'Client: creation',
    statement: 'handler.headers {"x-authorization": "t"} arrives as that header.',
  },
  { id: '025', area: 'Client: creation', statement: 'A header given as an array of two values arrives twice.' },
  {
    id: '026',
    area: 'Client: creation',
    statement: 'headers.Cookie with two pairs arrives as one Cookie header with both.',
  },
  {
    id: '027',
    area: 'Client: creation',
    statement:
      'Host, Upgrade, Connection, Sec-WebSocket-Key and Sec-WebSocket-Version in handler.headers do not break the handshake.',
  },
  {
    id: '028',
    area: 'Client: life and end',
    statement: 'The order is onOpen once, onMessage any number of times, onError at most once, onTerminate last.',
  },
  {
    id: '029',
    area: 'Client: life and end',
    statement: 'onTerminate runs exactly once for each opened socket, whatever ended it.',
  },
  { id: '030', area: 'Client: life and end', statement: 'No callback runs after onTerminate.' },
  { id: '031', area: 'Client: life and end', statement: 'No onMessage runs after onError.' },
  { id: '032', area: 'Client: life and end', statement: 'Callbacks run with the handler as this.' },
  { id: '033', area: 'Client: life and end', statement: 'terminate() makes the peer see close code 1000.' },
  { id: '034', area: 'Client: life and end', statement: 'terminate(1000, "bye") makes the peer see 1000 and "bye".' },
  {
    id: '035',
    area: 'Client: life and end',
    statement: 'terminate(3000, "x") and terminate(4999, "y") make the peer see that code and reason.',
  },
  {
    id: '036',
    area: 'Client: life and end',
    statement: 'terminate(3500) without a reason is accepted; the peer sees 3500 and an empty reason.',
  },
  {
    id: '037',
    area: 'Client: life and end',
    statement: 'terminate with 1001, 2999, 5000 or 1000.5 generates an error and the status stays "Connected".',
  },
  { id: '038', area: 'Client: life and end', statement: 'Right after terminate() the status is "Closing".' },
  { id: '039', area: 'Client: life and end', statement: 'onTerminate does not run inside the terminate() call.' },
  { id: '040', area: 'Client: life and end', statement: 'Inside onTerminate the status is "Closed".' },
  {
    id: '041',
    area: 'Client: life and end',
    statement:
      'When the server closes with (4001, "kicked"), onTerminate gets code 4001 and reason "kicked", and onError does not run.',
  },
  {
    id: '042',
    area: 'Client: life and end',
    statement:
      'When the server closes with an empty close frame, onTerminate gets code 1005 and an undefined reason, and onError does not run.',
  },
  {
    id: '043',
    area: 'Client: life and end',
    statement:
      'A TCP connection cut without a close frame runs onError with one item, then onTerminate with code 1006.',
  },
  {
    id: '044',
    area: 'Client: life and end',
    statement: 'event.wasClean is true after terminate() and after a close by the server, and false after a cut.',
  },
  { id: '045', area: 'Client: life and end', statement: 'event.code of onTerminate is an integer from 0 to 65535.' },
  { id: '046', area: 'Client: life and end', statement: 'A second terminate() does nothing and generates no error.' },
  {
    id: '047',
    area: 'Client: life and end',
    statement: 'No onMessage runs after terminate(), even for data that the peer sent before its close frame.',
  },
  {
    id: '048',
    area: 'Client: life and end',
    statement: 'A peer that never answers the close frame leads to onTerminate with code 1006 within a bounded time.',
  },
  {
    id: '049',
    area: 'Client: life and end',
    statement:
      'The event of onError has type "error" and an errors array whose items have errCode (number), message and componentSignature (texts).',
  },
  {
    id: '050',
    area: 'Server: creation and options',
    statement:
      'With the web server running, WebSocketServer.new(handler) gives a started server with terminated false.',
  },
  {
    id: '051',
    area: 'Server: creation and options',
    statement: 'With the web server not running it gives null and an error.',
  },
  {
    id: '052',
    area: 'Server: creation and options',
    statement: 'A handler without onConnection gives null and an error.',
  },
  {
    id: '053',
    area: 'Server: creation and options',
    statement: 'The server answers on host and port of the web server and opens no other port.',
  },
  {
    id: '054',
    area: 'Server: creation and options',
    statement: 'With HTTPS enabled the same server answers wss: on the HTTPS port.',
  },
  { id: '055', area: 'Server: creation and options', statement: 'onOpen runs once with (server, {type: "open"}).' },
  {
    id: '056',
    area: 'Server: creation and options',
    statement: 'The variable that receives the server is set before onOpen runs.',
  },
  {
    id: '057',
    area: 'Server: creation and options',
    statement: 'A server handler without onOpen, onError and onTerminate works.',
  },
  {
    id: '058',
    area: 'Server: creation and options',
    statement: 'Without a path, connections on /, /a and /a/b?x=1 all reach the server.',
  },
  {
    id: '059',
    area: 'Server: creation and options',
    statement: 'With path "/chat", both /chat and /chat?room=1 are accepted.',
  },
  {
    id: '060',
    area: 'Server: creation and options',
    statement: 'With path "/chat", /other is answered with HTTP 404.',
  },
  {
    id: '061',
    area: 'Server: creation and options',
    statement: 'Two servers on /a and /b work side by side, each with its own connections.',
  },
  { id: '062', area: 'Server: creation and options', statement: 'A server with a path goes before one without.' },
  {
    id: '063',
    area: 'Server: creation and options',
    statement: 'A second server on the same path gives null and an error with errCode -10718.',
  },
  {
    id: '064',
    area: 'Server: creation and options',
    statement: "After the first server's onTerminate its path can be used again.",
  },
  {
    id: '065',
    area: 'Server: creation and options',
    statement: 'path gives the option, dataType the option or "text", handler the handler object.',
  },
  {
    id: '066',
    area: 'Server: creation and options',
    statement: 'Assigning to path, dataType or terminated changes nothing.',
  },
  {
    id: '067',
    area: 'Server: accepting',
    statement: 'Each upgrade runs onConnection with (server, {type: "connection", request}).',
  },
  {
    id: '068',
    area: 'Server: accepting',
    statement: 'request.url is the request target as it was sent, such as "/status?name=ryan".',
  },
  {
    id: '069',
    area: 'Server: accepting',
    statement: 'request.query of ?key1=value1&key2=value2 is {key1: "value1", key2: "value2"}.',
  },
  { id: '070', area: 'Server: accepting', statement: 'Without a query request.query is an empty object.' },
  { id: '071', area: 'Server: accepting', statement: 'Query values are percent-decoded.' },
  {
    id: '072',
    area: 'Server: accepting',
    statement: "request.headers holds the client's headers; a repeated header is an array.",
  },
  { id: '073', area: 'Server: accepting', statement: 'Header names are in lower case.' },
  {
    id: '074',
    area: 'Server: accepting',
    statement: "request.remoteAddress is the client's IP address, an IPv4 one without the ::ffff: prefix.",
  },
  {
    id: '075',
    area: 'Server: accepting',
    statement: 'A returned handler object creates a WebSocketConnection and adds it to connections.',
  },
  {
    id: '076',
    area: 'Server: accepting',
    statement:
      'Returning null refuses the upgrade with HTTP 403 before any 101: connections stays as it was, no connection callback runs, the peer never opens.',
  },
  { id: '077', area: 'Server: accepting', statement: 'Returning undefined does what null does.' },
  {
    id: '078',
    area: 'Server: accepting',
    statement:
      "A returned object without a callable onMessage refuses with HTTP 500 and runs the server's onError with one item.",
  },
  {
    id: '079',
    area: 'Server: accepting',
    statement:
      "A throw or rejection in onConnection refuses that client with HTTP 500 and runs the server's onError; other clients are accepted as before.",
  },
  {
    id: '080',
    area: 'Server: accepting',
    statement:
      'The connection\'s onOpen runs with (conn, {type: "open"}) after onConnection returned and the 101 was written.',
  },
  { id: '081', area: 'Server: accepting', statement: 'During onOpen the connection is already in wss.connections.' },
  {
    id: '082',
    area: 'Server: accepting',
    statement: 'A message that the peer sends right after its handshake is delivered after onOpen.',
  },
  {
    id: '083',
    area: 'Server: accepting',
    statement: 'A Promise returned by onConnection is awaited, and messages wait for it.',
  },
  { id: '084', area: 'Connection', statement: 'conn.handler is the object that onConnection returned.' },
  { id: '085', area: 'Connection', statement: 'conn.wss is the parent server, inside onTerminate too.' },
  { id: '086', area: 'Connection', statement: 'conn.id is a stable integer, unique among the open connections.' },
  { id: '087', area: 'Connection', statement: 'conn.status is "Connected" in onOpen and onMessage.' },
  { id: '088', area: 'Connection', statement: 'onMessage gets (conn, {type: "message", data}).' },
  {
    id: '089',
    area: 'Connection',
    statement: 'conn.terminate() closes: the peer sees a close, and onTerminate follows.',
  },
  { id: '090', area: 'Connection', statement: 'conn.terminate(4000, "no") makes the peer see 4000 and "no".' },
  { id: '091', area: 'Connection', statement: 'conn.terminate(3000, "no") closes without sending "no".' },
  { id: '092', area: 'Connection', statement: 'conn.terminate(1008, "no") closes with 1000 without sending "no".' },
  { id: '093', area: 'Connection', statement: 'conn.terminate(4000) makes the peer see 4000 and an empty reason.' },
  {
    id: '094',
    area: 'Connection',
    statement:
      'When the peer closes with (4002, "done"), onTerminate gets type "terminate", code 4002 and reason "done".',
  },
  {
    id: '095',
    area: 'Connection',
    statement:
      'When the peer closes without a code, onTerminate gets code 1005 and an undefined reason, and onError does not run.',
  },
  {
    id: '096',
    area: 'Connection',
    statement: "When the peer's TCP connection vanishes, onError runs, then onTerminate with code 1006.",
  },
  {
    id: '097',
    area: 'Connection',
    statement:
      'The error item for a vanished peer has errCode 1006 and componentSignature "HTTP" on the server, "HTCL" on the client.',
  },
  {
    id: '098',
    area: 'Connection',
    statement:
      'When the peer closes with 1001, as a closing browser tab does, onTerminate gets code 1001 and wasClean true, and onError does not run.',
  },
  {
    id: '099',
    area: 'Connection',
    statement:
      'When the peer closes with 1000, 1008, 1011, 3000 or 4999, onTerminate gets code and reason, and onError does not run.',
  },
  {
    id: '100',
    area: 'Connection',
    statement: 'On termination the status becomes "Closed" and the connection leaves wss.connections.',
  },
  { id: '101', area: 'Connection', statement: 'onTerminate runs exactly once for each connection.' },
  { id: '102', area: 'Connection', statement: 'A connection handler with onMessage alone works from open to close.' },
  {
    id: '103',
    area: 'Connection',
    statement: 'Sending to other connections from onTerminate raises nothing, even while they close.',
  },
  {
    id: '104',
    area: 'Server: end',
    statement: 'terminate() sends each peer a close frame and awaits the answer before it ends TCP.',
  },
  { id: '105', area: 'Server: end', statement: 'The peers of terminate() see code 1000.' },
  {
    id: '106',
    area: 'Server: end',
    statement:
      "When the peers answer alike, the connections' onTerminate run in order of arrival, then the server's, once and last; a slow peer does not delay another's.",
  },
  { id: '107', area: 'Server: end', statement: 'The event of the server\'s onTerminate has type "terminate".' },
  {
    id: '108',
    area: 'Server: end',
    statement: "terminated is false until the end, and true in and after the server's onTerminate.",
  },
  {
    id: '109',
    area: 'Server: end',
    statement:
      "terminate(1) with a peer that never answers destroys the socket after about 1 s; then the server's onTerminate runs.",
  },
  {
    id: '110',
    area: 'Server: end',
    statement: 'terminate() with such a peer goes on waiting, unless the heartbeat is enabled and ends it.',
  },
  {
    id: '111',
    area: 'Server: end',
    statement: 'terminate(0) sends neither close frame nor FIN; the peer sees 1006 at once.',
  },
  { id: '112', area: 'Server: end', statement: 'The timeout of terminate is in seconds.' },
  { id: '113', area: 'Server: end', statement: 'Upgrade requests during the termination are refused with HTTP 503.' },
  {
    id: '114',
    area: 'Server: end',
    statement: 'terminate() on a server without connections gives its onTerminate too.',
  },
  {
    id: '115',
    area: 'Server: end',
    statement: "Stopping the web server gives the server's onTerminate and sets terminated.",
  },
  { id: '116', area: 'Server: end', statement: 'By then its connections have had their onTerminate.' },
  { id: '117', area: 'Data', statement: 'send(text) is a text frame in UTF-8; "é€😀" survives in both directions.' },
  { id: '118', area: 'Data', statement: 'send(bytes) is a binary frame with the same bytes.' },
  { id: '119', area: 'Data', statement: 'send(object) is a text frame with JSON.stringify(object).' },
  {
    id: '120',
    area: 'Data',
    statement: 'The argument of send decides the frame, whatever the dataType of the sender.',
  },
  { id: '121', area: 'Data', statement: 'With dataType "text" data is a string.' },
  { id: '122', area: 'Data', statement: 'With dataType "blob" a binary frame gives a Buffer with the same bytes.' },
  { id: '123', area: 'Data', statement: 'With dataType "object" the text of a JSON object gives the parsed object.' },
  { id: '124', area: 'Data', statement: 'With dataType "text" a binary frame of UTF-8 gives the decoded string.' },
  { id: '125', area: 'Data', statement: 'With dataType "blob" a text frame gives a Buffer with its UTF-8 bytes.' },
  { id: '126', area: 'Data', statement: 'With dataType "object" a binary frame of JSON gives the parsed object.' },
  {
    id: '127',
    area: 'Data',
    statement: 'With dataType "object" the text [1,2] gives an array and the text 42 gives the number 42.',
  },
  {
    id: '128',
    area: 'Data',
    statement:
      'With dataType "object" invalid JSON runs no onMessage but onError once, closes with 1007 and runs onTerminate.',
  },
  { id: '129', area: 'Data', statement: 'Invalid UTF-8 in a text frame runs onError and closes with 1007.' },
  { id: '130', area: 'Data', statement: 'send("") arrives as an empty string, send of no bytes as an empty Buffer.' },
  {
    id: '131',
    area: 'Data',
    statement: 'send of undefined, null, 5 or true generates an error, sends nothing and leaves the socket open.',
  },
  { id: '132', area: 'Data', statement: 'send of a cyclic object generates an error and leaves the socket open.' },
  { id: '133', area: 'Data', statement: 'send while "Closing" or "Closed" sends nothing and raises nothing.' },
  { id: '134', area: 'Data', statement: 'A thousand sends arrive in order.' },
  { id: '135', area: 'Data', statement: 'A fragmented message arrives as one onMessage.' },
  { id: '136', area: 'Web server', statement: 'start() gives {success: true} without errors, and isRunning is true.' },
  {
    id: '137',
    area: 'Web server',
    statement: 'start() on a running server gives success false and errors; the server keeps running.',
  },
  {
    id: '138',
    area: 'Web server',
    statement: 'start() on a busy port gives success false and error items of three fields.',
  },
  { id: '139', area: 'Web server', statement: 'stop() on a stopped server does nothing.' },
  { id: '140', area: 'Web server', statement: 'Settings given to start() are forgotten after stop().' },
  { id: '141', area: 'Web server', statement: 'isRunning and name cannot be assigned.' },
  {
    id: '142',
    area: 'Web server',
    statement: 'HTTPPort is the port that listens; IPAddressToListen limits the address.',
  },
  {
    id: '143',
    area: 'Web server',
    statement: '/ serves defaultHomepage from rootFolder, and /ws%20client.htm the file "ws client.htm".',
  },
  { id: '144', area: 'Web server', statement: 'A path that leaves rootFolder is not found.' },
  { id: '145', area: 'Web server', statement: 'TRACE is answered with 405.' },
  {
    id: '146',
    area: 'Web server',
    statement:
      'With CORSEnabled an allowed host gets CORS headers and another host 403; without it there are no CORS headers.',
  },
  {
    id: '147',
    area: 'Web server',
    statement: 'HTTPS uses key.pem and cert.pem of certificateFolder and refuses a TLS version below minTLSVersion.',
  },
  { id: '148', area: 'Workers and errors', statement: 'callWorker returns undefined at once; the code runs later.' },
  {
    id: '149',
    area: 'Workers and errors',
    statement:
      'The messages of a named worker run in order and never overlap; a returned Promise is awaited before the next.',
  },
  { id: '150', area: 'Workers and errors', statement: 'Worker names are case-sensitive.' },
  {
    id: '151',
    area: 'Workers and errors',
    statement: 'Process variables last from one message of a worker to the next; another worker does not see them.',
  },
  {
    id: '152',
    area: 'Workers and errors',
    statement: 'Callbacks of a socket created in worker W run with current process name "W".',
  },
  {
    id: '153',
    area: 'Workers and errors',
    statement:
      'In a named worker a socket callback waits for the running message; in the main context only callbacks of one connection wait for each other.',
  },
  {
    id: '154',
    area: 'Workers and errors',
    statement: 'killWorker drops the waiting messages and lets the running one finish.',
  },
  { id: '155', area: 'Workers and errors', statement: 'killWorker of an unknown name does nothing.' },
  {
    id: '156',
    area: 'Workers and errors',
    statement: 'callWorker after killWorker starts a new worker with fresh variables, once the old worker has ended.',
  },
  {
    id: '157',
    area: 'Workers and errors',
    statement: 'A call that a just-killed worker sends to itself does nothing.',
  },
  { id: '158', area: 'Workers and errors', statement: 'killWorker on the main process only empties its queue.' },
  {
    id: '159',
    area: 'Workers and errors',
    statement: 'The end of a worker closes the client sockets and servers that it owns.',
  },
  { id: '160', area: 'Workers and errors', statement: 'Then each of their onTerminate still runs once.' },
  { id: '161', area: 'Workers and errors', statement: "killWorker can be called from the server's own onTerminate." },
  {
    id: '162',
    area: 'Workers and errors',
    statement: 'A socket or server that no variable holds stays alive until its onTerminate.',
  },
  {
    id: '163',
    area: 'Workers and errors',
    statement:
      'onErrCall(fn) catches errors of the current worker only, with the global scope errors of all workers; a local handler hides the global handler.',
  },
  { id: '164', area: 'Workers and errors', statement: 'onErrCall("") or onErrCall(null) removes the handler.' },
  {
    id: '165',
    area: 'Workers and errors',
    statement: 'When the handler returns, the failing call gives null and the code goes on.',
  },
  {
    id: '166',
    area: 'Workers and errors',
    statement: 'lastErrors() gives the items inside the handler, and null outside of any error.',
  },
  {
    id: '167',
    area: 'Workers and errors',
    statement:
      'tryExpr around a failing WebSocket.new gives null or undefined, calls no handler and leaves the items in lastErrors().',
  },
  {
    id: '168',
    area: 'Workers and errors',
    statement:
      'A throw or rejection in onOpen or onMessage runs onError with one item, closes with 1011 without detail for the peer and runs onTerminate, and touches nothing else; in onError or onTerminate it goes to the error handler, else to console.error.',
  },
  { id: '170', area: 'Ported examples', statement: 'The uppercase server answers "hello" with "HELLO".' },
  {
    id: '171',
    area: 'Ported examples',
    statement:
      'The address check server never opens a refused address, and logs its start, its errors and its end in order.',
  },
  {
    id: '172',
    area: 'Ported examples',
    statement:
      'The chat of three clients: a newcomer is welcomed, the others hear of it, each text goes to all others, a departure is told, and a shutdown raises nothing.',
  },
  {
    id: '173',
    area: 'Ported examples',
    statement:
      'The basic client sends "Hello world" once, shows each answer and the end once, and gets null for a dead URL.',
  },
  {
    id: '174',
    area: 'Ported examples',
    statement: 'The headers client sends one x-authorization header and one Cookie header with both pairs.',
  },
  {
    id: '175',
    area: 'Ported examples',
    statement: 'The object chat works with a library client and a browser client together.',
  },
  {
    id: '176',
    area: 'Ported examples',
    statement: 'The shutdown log of two clients is: client 1 closed 1000, client 2 closed 1000, server closed.',
  },
  {
    id: '177',
    area: 'Ported examples',
    statement: "A page with the browser's own WebSocket works unchanged against the library.",
  },
  {
    id: '180',
    area: 'Bytes given to send',
    statement:
      'Client: bytes may be changed, transferred or resized right after send(), whatever their size, compressed or not, sent at once or held for a reconnection: the peer gets what they were at the call, and later messages are intact.',
  },
  {
    id: '181',
    area: 'Bytes given to send',
    statement:
      'Server: bytes are copied at the call when under 16 KiB or compressed; longer ones piece by piece when they are handed to the socket, so that changing them before changes that message alone, and transferring or shrinking them ends the connection with ERR_MESSAGE_DETACHED, 1011. Memory of the user is never handed to the socket.',
  },
  {
    id: '182',
    area: 'Bytes given to send',
    statement:
      'A view that is detached or out of bounds at the call, a stream, an iterator and a Response are ERR_INVALID_MESSAGE, with a message that names what to pass instead.',
  },
  {
    id: '183',
    area: 'Bytes given to send',
    statement: 'What send() said "sent" for in the turn of process.exit() is handed to the kernel.',
  },
  {
    id: '184',
    area: 'Bytes given to send',
    statement: 'A compression that fails ends its connection and gives its place in the pool back.',
  },
  {
    id: '185',
    area: 'Order, time and context',
    statement:
      'No callback runs in the AsyncLocalStorage context of another connection: those of a client run in the context in which it was created, those of a server and its connections in the one in which the server was created, also after timeouts, heartbeats, reconnections, onDrain and large compressed messages.',
  },
  {
    id: '186',
    area: 'Order, time and context',
    statement:
      'wss.terminate(n), terminate(0), drain({ deadlineMs }) and web.stop() are over by their time even when a callback never settles: onTerminate of the server has run, terminated is true, the path is free and the promise has resolved, and the process lives until then; onTerminate of the connection comes when its callback ends, once. What a killed worker owns is closed 2 s after the call even while its message runs; its onTerminate callbacks and a successor wait for the message. terminate() without a time waits.',
  },
  {
    id: '187',
    area: 'Order, time and context',
    statement:
      'A place in maxConnections and maxConnectionsPerAddress is free when the socket is gone, not when the last callback has ended.',
  },
  {
    id: '188',
    area: 'Order, time and context',
    statement:
      'Timers and clocks are bound when the library is loaded: fake timers installed later neither stop it nor see its timer, and it loads where no global setImmediate exists.',
  },
  {
    id: '189',
    area: 'Order, time and context',
    statement:
      'Connections that the program cuts off (wss.terminate(n) or (0), the deadline of drain, web.stop(), the 2 s of a killed worker, destroy()) get onTerminate with 1006 and the cause "shutdown", "worker" or "local", without onError; terminate() whose peer does not answer keeps its onError.',
  },
  { id: '190', area: 'Order, time and context', statement: 'Clients of an ended worker end in the order of creation.' },
  {
    id: '191',
    area: 'Order, time and context',
    statement:
      'incompleteMessageTimeoutMs begins anew with every 16 KiB of the message: a slow but steady upload arrives.',
  },
  {
    id: '192',
    area: 'Requests and paths',
    statement:
      'A request whose Upgrade is not websocket is answered as if no WebSocketServer were attached: any method and body, own and foreign servers.',
  },
  {
    id: '193',
    area: 'Requests and paths',
    statement:
      'A path is compared as what it means: segment by segment, percent-decoded; paths equal after that are duplicates.',
  },
  {
    id: '194',
    area: 'Requests and paths',
    statement:
      'path may be a pattern: :name takes one segment, * at the end one or more, decoded in event.request.params; literal before :name before *, any pattern before no path.',
  },
  {
    id: '195',
    area: 'Requests and paths',
    statement:
      'Beside another upgrade listener a request that nobody has answered within 30 s gets 404, and a server without path warns once.',
  },
  {
    id: '196',
    area: 'Requests and paths',
    statement:
      'What real peers send is read kindly: empty elements of Sec-WebSocket-Protocol and -Extensions, an Origin with a trailing slash or with ws: or wss:, an answer without the server_no_context_takeover that was offered, a byte order mark in front of JSON; the client offers a plain permessage-deflate behind its preferred form.',
  },
  {
    id: '197',
    area: 'Requests and paths',
    statement:
      'By default an origin on a loopback name or address, any port, counts as the same host when the Host is one too, the client runs on this machine and no proxy header is there; origins: [] turns it off.',
  },
  {
    id: '198',
    area: 'Requests and paths',
    statement:
      'onRefuse of the server handler hears of each client that is refused, with status, reason, cause, advice and request: after the answer, in the worker of the server, behind onError, not awaited, at most 100 times a second, with the number of those left out in suppressed. A path that no server has is told by one warning per HTTP server.',
  },
  {
    id: '200',
    area: 'Client: connecting',
    statement:
      'With reconnect, the first connection is tried again too when the failure may pass (network, DNS, 408, 425, 429, 5xx, timeout), and every other failure ends the client at once; shouldReconnect decides for the first attempt too. connectTimeoutMs (60 000 with reconnect) bounds the time to onOpen; signal, terminate(), destroy() and killWorker() end the waiting.',
  },
  {
    id: '201',
    area: 'Client: connecting',
    statement:
      'A URL object is taken as url, from reconnect.url and as proxy, as it is at the call. A URL that cannot be used is named in the error, without user, password, query and fragment, with what to write instead.',
  },
  {
    id: '202',
    area: 'Client: connecting',
    statement:
      'An array, a text, a class or an object that holds options instead of callbacks, in the place of the handler of a client, server or connection, is ERR_INVALID_HANDLER, and the message says where options go; null is as if left out.',
  },
  {
    id: '203',
    area: 'Client: connecting',
    statement:
      'responseHeaders has the headers of the 101, frozen and without a prototype, a repeated header as an array: undefined before the answer, after a reconnection those of the newest 101.',
  },
  {
    id: '204',
    area: 'Client: connecting',
    statement:
      'The stack of an error of connecting (network, TLS, proxy, time, signal, reconnections too) leads to the call that made the client. ERR_HANDSHAKE_REFUSED shows the first line of a body that is text, at most 200 characters and without control characters; the body is read for 5 s and up to 64 KiB.',
  },
  {
    id: '205',
    area: 'Client: connecting',
    statement:
      'A hundred clients on one AbortSignal raise no warning; NO_PROXY takes CIDR ranges, blanks as separators, a trailing dot; up to a hundred 1xx answers before the 200 of CONNECT or the 101 are skipped; raw UTF-8 in Location is read as UTF-8; SNI has no trailing dot, and the certificate is checked against the name without it, or against the address, through a proxy too.',
  },
  {
    id: '210',
    area: 'Handlers and calls',
    statement:
      'event.isBinary tells how a message came, whatever dataType is; dataType "auto" gives a string for a text message and bytes for a binary one.',
  },
  {
    id: '211',
    area: 'Handlers and calls',
    statement:
      'Events of open, connection, terminate, error, drain, disconnect and reconnect cannot be changed, and neither can errors, request.headers, request.query and request.params; events of messages are not frozen.',
  },
  {
    id: '212',
    area: 'Handlers and calls',
    statement:
      "onErrCall() with anything but a function, '' or null, and tryExpr() and callWorker() with anything but a function, are ERR_INVALID_ARGUMENT at once. What is thrown and is no FourDError has errCode -1 in tryExpr(), in onErrCall() and in a message of a worker; a failing callback of a socket stays 1011.",
  },
  {
    id: '213',
    area: 'Handlers and calls',
    statement:
      'The options of send, broadcast, accept, refuse and drain are checked at each call: an unknown one is an error that names the nearest.',
  },
  {
    id: '214',
    area: 'Handlers and calls',
    statement:
      'Names of other libraries are answered with the name here: an error for options, a warning for callbacks, once for each class and once in a process for plain objects; warnings: false silences it. The list is published.',
  },
  {
    id: '215',
    area: 'Handlers and calls',
    statement:
      "The exported option types can be passed to their calls; connection.handler, wss.handler and processVariables() have the user's own types; a misspelt callback in what onConnection returns is one readable type error.",
  },
  {
    id: '216',
    area: 'Handlers and calls',
    statement:
      'util.inspect of clients, connections, servers and web servers shows id, status, url or path, and counts; nothing secret, and it never throws.',
  },
  {
    id: '217',
    area: 'Handlers and calls',
    statement:
      'destroy() ends a client or connection at once: no close frame, a reset where possible, onTerminate with 1006 and the cause "local", no onError. ping() sends a ping with a payload of its own, resolves to the round-trip time, to undefined when the connection ends first or is not open, and counts as the ping of the heartbeat.',
  },
  {
    id: '218',
    area: 'Handlers and calls',
    statement:
      'WebSocket.connect() and WebSocketServer.serve() reject with the FourDError, which onErrCall, tryExpr and lastErrors do not see, and a failing connect runs no callback. serve takes the options of a server but webServer, and port, host, tls, rootFolder; it resolves before onOpen, and leaves nothing open when it fails. When onTerminate has run, its HTTP server is stopped; drain and await using resolve after that. url tells ws or wss, the real port, localhost for wildcard addresses, the literal start of a pattern; undefined where nothing listens, and on a Unix socket.',
  },
  {
    id: '219',
    area: 'Handlers and calls',
    statement:
      'ERR_WEB_SERVER_NOT_STARTED says why the last start failed, with its error as the cause, or that the start or stop is not over yet.',
  },
  {
    id: '220',
    area: 'Seeing what happens',
    statement:
      'The channels 4d-websocket:client, :server, :connection and :message of node:diagnostics_channel publish connecting, refused, opened, ended, messages in and out and dropped, never content; without a subscriber they cost one check.',
  },
  {
    id: '221',
    area: 'Seeing what happens',
    statement:
      'NODE_DEBUG=4d-websocket prints the same as readable lines, NODE_DEBUG=4d-websocket-frames frames; nothing secret is in either.',
  },
  {
    id: '222',
    area: 'Seeing what happens',
    statement:
      'wss.metrics() and clientMetrics() give counters and gauges, metricsText() all of them in the text format of Prometheus; callback time is measured on every 64th callback, and on all while :message has subscribers.',
  },
  {
    id: '223',
    area: 'Client: reconnecting',
    statement:
      'reconnect() connects again now, also after giving up, and counts the attempts from 1 again; onDisconnect hears each loss that a new attempt follows, with cause, attempt and delayMs.',
  },
  {
    id: '224',
    area: 'Server: accepting',
    statement:
      'refuse(status, { closeCode, reason }) lets a client that sends Origin, as browsers do, in and closes it at once with that code, without any callback of a connection; other clients get the status. Code and reason are checked as terminate() of a client does.',
  },
  {
    id: '225',
    area: 'Server: accepting',
    statement:
      'handleUpgrade(request, socket, head) takes an upgrade that the program received itself, also with webServer: null, where the server hangs on nothing: with all checks, the path only where the option is given; the server ends as any other. Bad arguments, and a socket that is taken already, are ERR_INVALID_ARGUMENT.',
  },
  {
    id: '226',
    area: 'Client: reconnecting',
    statement:
      'What was not handed to the system when a connection ended is sent on the next one, in order and never twice, or is in unsentMessages; what was handed over is uncertain and counted in event.uncertainMessages.',
  },
];
