import { once } from 'node:events';
import { type IncomingHttpHeaders, type IncomingMessage, request as requestHttp, type RequestOptions } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { ConnectionOptions } from 'node:tls';

/** An HTTP answer. */
export interface HttpReply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Options of a request. */
export interface HttpOptions extends Omit<RequestOptions, 'createConnection'> {
  /** Turns on TLS. */
  readonly tls?: ConnectionOptions;
  readonly body?: string;
}

/** Sends a request to 127.0.0.1, with an unchanged path, over a new connection unless `agent` is given. */
export async function requestPath(port: number, path: string, options: HttpOptions = {}): Promise<HttpReply> {
  const response = await beginRequest(port, path, options);
  let body = '';
  for await (const piece of response.setEncoding('utf8')) body += piece as string;
  return { status: response.statusCode!, headers: response.headers, body };
}

/** As {@link requestPath}, without reading the body. */
export async function beginRequest(port: number, path: string, options: HttpOptions = {}): Promise<IncomingMessage> {
  const { tls, body, ...rest } = options;
  const common: RequestOptions = { host: '127.0.0.1', port, path, agent: false, ...rest };
  const request = tls === undefined ? requestHttp(common) : requestHttps({ ...common, ...tls });
  request.end(body);
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  return response;
}
