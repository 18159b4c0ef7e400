const library = require('4d-websocket');
const { echo } = require('./echo.js');

test('a text and bytes of this realm go to a server and back', async () => {
  expect(await echo(library, 'hello')).toBe('hello');
  expect(await echo(library, Uint8Array.of(104, 105))).toBe('hi');
});
