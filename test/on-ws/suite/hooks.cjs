/** Leaves out tests that look into the private parts of ws. `_socket` is there, because other libraries use it. */
const INTERNALS =
  /\._(?!socket\b)\w+|\b(?:kListener|EMPTY_BUFFER|PerMessageDeflate|_writableState|_readableState)\b|new Sender\(|Sender\.frame\(.*mask: true|\b(?:Message|Close|Error)?Event\b(?=\))/;

exports.mochaHooks = {
  beforeEach() {
    const found = INTERNALS.exec(this.currentTest.body);
    if (found === null) return;
    this.currentTest.internals = found[0];
    this.skip();
  },
};
