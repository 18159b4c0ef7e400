import type { ExtensionOffer } from './header-grammar.ts';

const NAME = 'permessage-deflate';

/** The four parameters of the extension (RFC 7692 section 7.1), as one side wants them or as both have agreed. */
export interface DeflateParameters {
  /** The server compresses each message on its own. */
  readonly serverNoContextTakeover: boolean;
  /** The client compresses each message on its own. */
  readonly clientNoContextTakeover: boolean;
  /** Window of the server's compressor, 8 to 15: 2^8 to 2^15 bytes. */
  readonly serverMaxWindowBits: number;
  /** Window of the client's compressor, 8 to 15. */
  readonly clientMaxWindowBits: number;
}

/** The parameters of an offer or answer, undefined where it names none. */
interface ReadParameters {
  serverNoContextTakeover: boolean;
  clientNoContextTakeover: boolean;
  serverMaxWindowBits: number | undefined;
  /** `true` when the parameter came without a value, which only an offer may do. */
  clientMaxWindowBits: number | true | undefined;
}

/** zlib cannot compress raw deflate with a window of 2^8 bytes. */
const MIN_DEFLATE_WINDOW_BITS = 9;
const MAX_WINDOW_BITS = 15;

/** An offer that the server has accepted. */
export interface AcceptedOffer {
  readonly parameters: DeflateParameters;
  /** The header value of the answer. */
  readonly answer: string;
  /** Whether the client itself offered to compress each message on its own, so that the answer tells it nothing new. */
  readonly clientOfferedNoContext: boolean;
}

/**
 * Accepts the first of a client's offers that the server can meet (RFC 7692 section 7.1).
 *
 * @param wanted - the server's own settings
 * @returns undefined when the server can meet no offer: the connection is then not compressed
 */
export function acceptOffer(offers: readonly ExtensionOffer[], wanted: DeflateParameters): AcceptedOffer | undefined {
  for (const offer of offers) {
    const read = offer.name === NAME ? readParameters(offer) : undefined;
    if (read === undefined) continue;
    const serverMaxWindowBits = Math.min(wanted.serverMaxWindowBits, read.serverMaxWindowBits ?? MAX_WINDOW_BITS);
    const clientMaxWindowBits = clientWindowBits(wanted.clientMaxWindowBits, read.clientMaxWindowBits);
    if (serverMaxWindowBits < MIN_DEFLATE_WINDOW_BITS) continue;
    const parameters: DeflateParameters = {
      serverNoContextTakeover: wanted.serverNoContextTakeover || read.serverNoContextTakeover,
      clientNoContextTakeover:
        wanted.clientNoContextTakeover ||
        read.clientNoContextTakeover ||
        // A client that cannot limit its window must not keep its context: the server would hold more than wanted.
        clientMaxWindowBits > wanted.clientMaxWindowBits,
      serverMaxWindowBits,
      clientMaxWindowBits,
    };
    const answer = formatParameters(parameters);
    // RFC 7692 section 7.1.2.1: the answer must name a requested limit, even that of the largest window.
    const mustNameLimit = read.serverMaxWindowBits !== undefined && serverMaxWindowBits === MAX_WINDOW_BITS;
    return {
      parameters,
      answer: mustNameLimit ? `${answer}; server_max_window_bits=${MAX_WINDOW_BITS}` : answer,
      clientOfferedNoContext: read.clientNoContextTakeover,
    };
  }
  return undefined;
}

/**
 * Builds the offer of a client: its settings, with the statement that it can limit its own window, and behind them an
 * offer without parameters, for servers that decline the settings.
 */
export function buildOffer(wanted: DeflateParameters): string {
  const offer = formatParameters(wanted);
  const preferred = wanted.clientMaxWindowBits === MAX_WINDOW_BITS ? `${offer}; client_max_window_bits` : offer;
  return `${preferred}, ${NAME}`;
}

/**
 * Checks a server's answer (RFC 7692 section 7.1).
 *
 * @remarks The answer may belong to either of the two offers that {@link buildOffer} makes, and Tornado, Mojolicious and
 * uWebSockets leave out `server_no_context_takeover` also where they accept the first one. So the settings of the server
 * are what the answer names, whatever was asked for; only the client's own settings are a limit.
 *
 * @param answers - the extensions that the server named; may be empty
 * @param offered - the client's offer; undefined when the client offered no compression
 * @returns the agreed parameters; undefined for no compression; a text that tells which rule the answer breaks
 */
export function checkAnswer(
  answers: readonly ExtensionOffer[],
  offered: DeflateParameters | undefined,
): DeflateParameters | undefined | string {
  const [answer] = answers;
  if (answer === undefined) return undefined;
  if (offered === undefined || answers.length > 1 || answer.name !== NAME) {
    return 'Sec-WebSocket-Extensions names an extension that was not offered';
  }
  const read = readParameters(answer);
  if (read === undefined || read.clientMaxWindowBits === true) {
    return `Sec-WebSocket-Extensions has an invalid parameter of ${NAME}`;
  }
  const clientMaxWindowBits = read.clientMaxWindowBits ?? offered.clientMaxWindowBits;
  if (clientMaxWindowBits > offered.clientMaxWindowBits) {
    return 'Sec-WebSocket-Extensions exceeds the client_max_window_bits of the offer';
  }
  return {
    serverNoContextTakeover: read.serverNoContextTakeover,
    clientNoContextTakeover: offered.clientNoContextTakeover || read.clientNoContextTakeover,
    serverMaxWindowBits: read.serverMaxWindowBits ?? MAX_WINDOW_BITS,
    clientMaxWindowBits,
  };
}

/** Returns the window of the client, which the server may limit only when the client offers that. */
function clientWindowBits(wanted: number, offered: number | true | undefined): number {
  if (offered === undefined) return MAX_WINDOW_BITS;
  return Math.min(wanted, offered === true ? MAX_WINDOW_BITS : offered);
}

function formatParameters(parameters: DeflateParameters): string {
  const { serverMaxWindowBits, clientMaxWindowBits } = parameters;
  return [
    NAME,
    parameters.serverNoContextTakeover && 'server_no_context_takeover',
    parameters.clientNoContextTakeover && 'client_no_context_takeover',
    serverMaxWindowBits < MAX_WINDOW_BITS && `server_max_window_bits=${serverMaxWindowBits}`,
    clientMaxWindowBits < MAX_WINDOW_BITS && `client_max_window_bits=${clientMaxWindowBits}`,
  ]
    .filter((part) => part !== false)
    .join('; ');
}

/** Reads the parameters of one offer or answer. Returns undefined when one is unknown, repeated or malformed. */
function readParameters(offer: ExtensionOffer): ReadParameters | undefined {
  const read: ReadParameters = {
    serverNoContextTakeover: false,
    clientNoContextTakeover: false,
    serverMaxWindowBits: undefined,
    clientMaxWindowBits: undefined,
  };
  const names = new Set<string>();
  for (const [name, value] of offer.parameters) {
    if (names.has(name)) return undefined;
    names.add(name);
    if (name === 'server_no_context_takeover' && value === true) read.serverNoContextTakeover = true;
    else if (name === 'client_no_context_takeover' && value === true) read.clientNoContextTakeover = true;
    else if (name === 'server_max_window_bits' && isWindowBits(value)) read.serverMaxWindowBits = Number(value);
    else if (name === 'client_max_window_bits' && value === true) read.clientMaxWindowBits = true;
    else if (name === 'client_max_window_bits' && isWindowBits(value)) read.clientMaxWindowBits = Number(value);
    else return undefined;
  }
  return read;
}

/** Tells whether `value` is a whole number from 8 to 15 without leading zeros (RFC 7692 section 7.1.2). */
function isWindowBits(value: string | true): boolean {
  return value === '8' || value === '9' || (value !== true && value.length === 2 && value >= '10' && value <= '15');
}
