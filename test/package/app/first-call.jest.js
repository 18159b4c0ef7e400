const library = require('4d-websocket');
const { echo } = require('./echo.js');

test('the first call comes after fake timers and an empty registry: there is still one copy of the library', async () => {
  jest.resetModules();
  jest.useFakeTimers();
  expect(await echo(library, 'hello')).toBe('hello');
  expect(() => library.WebSocketServer.new(null)).toThrow(library.FourDError);
});
