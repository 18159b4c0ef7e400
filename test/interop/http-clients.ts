import { peers } from './peers.ts';
import type { Tool } from './tools.ts';

/** `curl --http2` offers HTTP/2 to each http: address, with the headers `Upgrade: h2c` and `HTTP2-Settings`. */
export const curl: Tool = { name: 'curl', version: ['curl', '--version'], packages: 'curl' };

/** Java's HttpClient does so by default. */
export const java = peers.find(({ name }) => name === 'Java HttpClient')!;
