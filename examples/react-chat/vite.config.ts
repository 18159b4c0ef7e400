import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

// The example lies in the library that it uses. In a project of your own, `npm install 4d-websocket` is enough.
const client = fileURLToPath(new URL('../../dist/browser.mjs', import.meta.url));

export default defineConfig({ resolve: { alias: { '4d-websocket/browser': client } } });
