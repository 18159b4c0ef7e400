import type { Server as HttpServer } from 'node:http';
import type { Server as HttpsServer } from 'node:https';

/** Any HTTP server of Node that can upgrade. */
export type UpgradableServer = HttpServer | HttpsServer;
