export * from '4d-websocket/ws';
export { default } from '4d-websocket/ws';
