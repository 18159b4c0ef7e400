export * from '../../../dist/ws.mjs';
export { default } from '../../../dist/ws.mjs';
