/** Prints a line of JSON for each test. */
const { reporters, Runner } = require('mocha');

function print(state, test, error) {
  const { message, actual, expected } = error ?? {};
  const isText = typeof actual === 'string' && typeof expected === 'string';
  const line = { state, title: test.fullTitle(), internals: test.internals, message, isText };
  process.stdout.write(`\n${JSON.stringify(line)}\n`);
}

module.exports = class extends reporters.Base {
  constructor(runner, options) {
    super(runner, options);
    runner.on(Runner.constants.EVENT_TEST_PASS, (test) => print('pass', test));
    runner.on(Runner.constants.EVENT_TEST_FAIL, (test, error) => print('fail', test, error));
    runner.on(Runner.constants.EVENT_TEST_PENDING, (test) => print('skip', test));
  }
};
