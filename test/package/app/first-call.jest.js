const library = require('4d-websocket');
const { echo } = require('./echo.js');

test('the first call comes when the registry has been emptied: there is still one copy of the library', async () => {
  jest.resetModules();
  expect(await echo(library, 'hello')).toBe('hello');
  expect(() => library.WebSocketServer.new(null)).toThrow(library.FourDError);
});
