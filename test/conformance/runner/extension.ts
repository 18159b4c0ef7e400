import type { DeflateRequest } from '../case.ts';
import type { DeflateAgreement } from './deflate.ts';
import type { RunnerRole } from './frame-code.ts';

const NAME = 'permessage-deflate';

type Parameters = ReadonlyMap<string, string>;

/** Builds the offers of the runner as a client. The runner can always limit its own window. */
export function buildOffers(requests: readonly DeflateRequest[]): string {
  return requests
    .map((request) => [NAME, 'client_max_window_bits', ...wishes('server', request)].join('; '))
    .join(', ');
}

/** Builds the answer of the runner as a server. Returns undefined when the client offers no compression. */
export function answerOffer(
  header: string,
  [request]: readonly DeflateRequest[],
): { readonly answer: string; readonly agreement: DeflateAgreement } | undefined {
  const offer = readExtensions(header).find(({ name }) => name === NAME);
  if (offer === undefined || request === undefined) return undefined;
  const offered = offer.parameters;
  const canLimitWindow = offered.has('client_max_window_bits');
  const parts = [
    NAME,
    ...wishes('client', canLimitWindow ? request : { ...request, maxWindowBits: undefined }),
    ...['server_no_context_takeover', 'server_max_window_bits']
      .filter((name) => offered.has(name))
      .map((name) => name + (offered.get(name) === '' ? '' : `=${offered.get(name)}`)),
  ];
  const answer = parts.join('; ');
  return { answer, agreement: toAgreement(readExtensions(answer)[0]!.parameters, 'server') };
}

/**
 * Checks the answer of a server to the offers of the runner.
 *
 * @returns undefined when the server does not compress
 * @throws Error when the answer fits none of the offers
 */
export function checkAnswer(header: string, requests: readonly DeflateRequest[]): DeflateAgreement | undefined {
  const answers = readExtensions(header);
  const [answer] = answers;
  if (answer === undefined) return undefined;
  const isMet = (request: DeflateRequest): boolean =>
    (!request.noContextTakeover || answer.parameters.has('server_no_context_takeover')) &&
    Number(answer.parameters.get('server_max_window_bits') ?? 15) <= (request.maxWindowBits ?? 15);
  if (answers.length > 1 || answer.name !== NAME || !requests.some(isMet)) {
    throw new Error(`the server answered with an extension that was not offered: ${header}`);
  }
  return toAgreement(answer.parameters, 'client');
}

function wishes(prefix: RunnerRole, { noContextTakeover, maxWindowBits }: DeflateRequest): string[] {
  return [
    ...(noContextTakeover ? [`${prefix}_no_context_takeover`] : []),
    ...(maxWindowBits === undefined ? [] : [`${prefix}_max_window_bits=${maxWindowBits}`]),
  ];
}

function toAgreement(parameters: Parameters, role: RunnerRole): DeflateAgreement {
  const peer = role === 'client' ? 'server' : 'client';
  const bits = (side: string): number => Number(parameters.get(`${side}_max_window_bits`) ?? 15);
  return {
    deflateBits: bits(role),
    deflateNoContextTakeover: parameters.has(`${role}_no_context_takeover`),
    inflateBits: bits(peer),
    inflateNoContextTakeover: parameters.has(`${peer}_no_context_takeover`),
  };
}

/** Parses Sec-WebSocket-Extensions. The parameters of this extension are tokens without quotes and commas. */
function readExtensions(header: string): { readonly name: string; readonly parameters: Parameters }[] {
  return header
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map((part) => {
      const [name = '', ...parameters] = part.split(';').map((item) => item.trim());
      return {
        name,
        parameters: new Map(
          parameters.map((item) => item.split('=') as [string, string?]).map(([key, value]) => [key, value ?? '']),
        ),
      };
    });
}
