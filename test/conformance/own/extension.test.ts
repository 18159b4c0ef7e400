import { describe, expect, test } from 'vitest';
import { type CompressionOptions, WebSocket } from '../../../src/index.ts';
import { recordingHandler } from '../../../src/testing.ts';
import { startServerOf } from '../../helpers/library-server.ts';
import { RawClient } from '../../helpers/raw-client.ts';
import { startRawServer } from '../../helpers/raw-server.ts';

const PMD = 'permessage-deflate';
const NO_TAKEOVER = 'server_no_context_takeover; client_no_context_takeover';
const TAKEOVER: CompressionOptions = { serverNoContextTakeover: false, clientNoContextTakeover: false };

/** Offers of a client with the answer of the server. */
const OFFERS: readonly (readonly [offer: string, options: boolean | CompressionOptions, answer: string | undefined])[] =
  [
    [PMD, false, undefined],
    ['x-webkit-deflate-frame', true, undefined],
    [PMD, true, `${PMD}; ${NO_TAKEOVER}`],
    [PMD, TAKEOVER, PMD],
    [`${PMD}; server_no_context_takeover`, TAKEOVER, `${PMD}; server_no_context_takeover`],
    [`${PMD}; server_max_window_bits=10`, TAKEOVER, `${PMD}; server_max_window_bits=10`],
    [`${PMD}; client_max_window_bits`, { ...TAKEOVER, clientMaxWindowBits: 11 }, `${PMD}; client_max_window_bits=11`],
    [`${PMD}; client_max_window_bits=9`, { ...TAKEOVER, clientMaxWindowBits: 11 }, `${PMD}; client_max_window_bits=9`],
    // A client that cannot limit its window must reset it after each message.
    [PMD, { ...TAKEOVER, clientMaxWindowBits: 11 }, `${PMD}; client_no_context_takeover`],
    [`${PMD}; server_max_window_bits=15`, TAKEOVER, `${PMD}; server_max_window_bits=15`],
    // The server accepts the first offer that it can meet.
    [`${PMD}; server_max_window_bits=8, ${PMD}`, TAKEOVER, PMD],
    [`${PMD}; unknown, ${PMD}; server_max_window_bits=16, ${PMD}`, TAKEOVER, PMD],
    [`${PMD}; server_max_window_bits`, TAKEOVER, undefined],
    [`${PMD}; server_no_context_takeover=1`, TAKEOVER, undefined],
    [`${PMD}; server_no_context_takeover; server_no_context_takeover`, TAKEOVER, undefined],
  ];

/** Answers to a client that offers context takeover and no window, and whether the client accepts them. */
const ANSWERS: readonly (readonly [answer: string, isTaken: boolean])[] = [
  [PMD, true],
  [`${PMD}; ${NO_TAKEOVER}`, true],
  [`${PMD}; server_max_window_bits=9`, true],
  [`${PMD}; client_max_window_bits=9`, true],
  [`${PMD}; client_max_window_bits`, false],
  [`${PMD}; client_max_window_bits=16`, false],
  [`${PMD}; client_max_window_bits=09`, false],
  [`${PMD}; unknown`, false],
  [`${PMD}; server_no_context_takeover; server_no_context_takeover`, false],
  [`${PMD}, ${PMD}`, false],
  ['x-webkit-deflate-frame', false],
];

describe('RFC 7692 7.1: negotiation of compression', () => {
  test.each(OFFERS)(
    'RFC 7692 7.1: the offer %j to a server with %j is answered with %j',
    async (offer, compression, answer) => {
      const { web } = await startServerOf({ onMessage: () => {} }, { compression });
      const client = await RawClient.open(web.HTTPPort, { headers: [`Sec-WebSocket-Extensions: ${offer}`] });
      const { headers } = await client.answered;
      expect(headers.get('sec-websocket-extensions')).toBe(answer);
    },
  );

  test.each(ANSWERS)('RFC 7692 7.1: the answer %j is accepted by a client: %j', async (answer, isTaken) => {
    const server = await startRawServer();
    const handler = recordingHandler();
    const client = new WebSocket<never>(server.url, handler, { compression: TAKEOVER });
    const connection = await server.accept();
    expect(connection.header('Sec-WebSocket-Extensions')).toBe(`${PMD}; client_max_window_bits, ${PMD}`);
    connection.socket.write(connection.answer([`Sec-WebSocket-Extensions: ${answer}`]));
    expect((await client.ready) !== null).toBe(isTaken);
    expect(handler.errors.map(({ error }) => error.code)).toEqual(isTaken ? [] : ['ERR_HANDSHAKE_INVALID']);
  });
});
