/**
 * What the pages of the chat (chat.js) and of E6 (e6.js) show alike: the connection, the people, the log, the field for
 * messages.
 *
 * Text from others is always shown with textContent, never as HTML.
 */
const MAX_ENTRIES = 500;
/** Names of colours that chat.css knows. */
const COLORS = new Set(['blue', 'red', 'green', 'purple', 'orange', 'teal', 'pink', 'olive']);

const $ = (id) => document.getElementById(id);
const [connection, stateText, countdown, retryButton] = [$('connection'), $('state'), $('countdown'), $('retry')];
const [peopleCount, peopleList] = [$('people-count'), $('people-list')];
const [log, toEndButton] = [$('log'), $('to-end')];
const [messageForm, messageField, hint] = [$('message-form'), $('message'), $('hint')];

let countdownTimer;
let title = document.title;
let unread = 0;
/** Whether the log shows its last entry. Only then does the log scroll to new entries. */
let isAtEnd = true;

/** @param actions - what the page does: `send(text)` while connected, and `reconnect()` */
export function startView({ send, reconnect }) {
  messageForm.addEventListener('submit', (event) => {
    event.preventDefault();
    const text = messageField.value.trim();
    if (text === '') return;
    if (connection.dataset.state !== 'connected') {
      showHint('Not connected: your text stays here until the connection is back.');
      return;
    }
    messageField.value = '';
    messageField.focus();
    send(text);
  });
  retryButton.addEventListener('click', () => {
    showConnecting('Reconnecting…');
    reconnect();
  });
  showConnecting('Connecting…');
}

// The connection

export function showConnecting(text) {
  setState('connecting', text);
}

export function showConnected() {
  setState('connected', 'Connected');
  showHint('');
}

/** @param waitMs - until the next attempt; Infinity while the page is kept for the way back, and connects when it is shown */
export function showLost(waitMs) {
  showPeople(undefined);
  // Nobody needs to hear of a wait that is over at once.
  if (waitMs === Infinity || waitMs === 0) return showConnecting('Reconnecting…');
  setState('lost', element('span', 'detail', 'Connection lost. '), 'Reconnecting');
  const retryAt = Date.now() + waitMs;
  const tick = () => {
    const leftMs = retryAt - Date.now();
    if (leftMs <= 0) showConnecting('Reconnecting…');
    else countdown.textContent = `in ${Math.ceil(leftMs / 1000)} s`;
  };
  tick();
  countdownTimer = setInterval(tick, 250);
}

/** Nothing goes on by itself: a callback of the page has failed. */
export function showEnded(reason) {
  showPeople(undefined);
  setState('lost', 'Disconnected: ', reason);
}

function setState(state, ...content) {
  clearInterval(countdownTimer);
  connection.dataset.state = state;
  stateText.replaceChildren(...content);
  countdown.textContent = '';
  // Hiding the focused button would lose the focus.
  if (state !== 'lost' && document.activeElement === retryButton) messageField.focus();
  retryButton.hidden = state !== 'lost';
}

// The people

/** @param people - undefined without a connection */
export function showPeople(people, myId, count = people?.length) {
  peopleCount.textContent = count === undefined ? '?' : String(count);
  peopleList.replaceChildren(
    ...(people ?? []).map((person) => {
      const item = element('li', '', nameElement(person));
      if (person.id === myId) item.append(' (you)');
      return item;
    }),
  );
}

// The log

/** @param isReplayed - whether the message is older than this page's place in the conversation */
export function showMessage({ name, color, text, at = Date.now(), isMine, isReplayed = false }) {
  const when = new Date(at);
  const isToday = when.toDateString() === new Date().toDateString();
  const day = isToday ? {} : { day: 'numeric', month: 'short' };
  const time = element('time', '', when.toLocaleString([], { ...day, hour: '2-digit', minute: '2-digit' }));
  time.dateTime = when.toISOString();
  const body = element('p', 'text', text);
  body.dir = 'auto';
  const author = nameElement({ name: isMine ? 'Me' : name, color });
  append(element('article', isMine ? 'message mine' : 'message', author, time, body), isMine && !isReplayed);
  if (document.hidden && !isMine) setUnread(unread + 1);
}

/** @param parts - texts, and persons whose names are shown in their colour */
export function showNotice(...parts) {
  append(noticeElement('notice', parts));
}

/** Shows a line across the log: what is below it differs from what is above. */
export function showDivider(...parts) {
  append(noticeElement('notice divider', parts));
}

export function clearLog() {
  log.replaceChildren();
  scrollToEnd();
}

/** @param isFilling - true while older messages are added, which screen readers do not read aloud */
export function setFilling(isFilling) {
  log.ariaBusy = String(isFilling);
}

function noticeElement(className, parts) {
  return element('p', className, ...parts.map((part) => (typeof part === 'string' ? part : nameElement(part))));
}

function nameElement({ name, color }) {
  // bdi and dir keep a name or text in a right-to-left script from reordering what stands around it.
  const created = element('bdi', 'name', name);
  if (COLORS.has(color)) created.dataset.color = color;
  return created;
}

export function element(tag, className, ...content) {
  const created = document.createElement(tag);
  created.className = className;
  created.append(...content);
  return created;
}

function append(entry, isFollowed = false) {
  log.append(entry);
  if (log.childElementCount > MAX_ENTRIES) log.firstElementChild.remove();
  if (isAtEnd || isFollowed) scrollToEnd();
  else toEndButton.hidden = false;
}

function scrollToEnd() {
  log.scrollTop = log.scrollHeight;
  isAtEnd = true;
  toEndButton.hidden = true;
}

// My messages

export function showHint(text) {
  hint.textContent = text;
}

/** Puts a text that was not sent back into the field, unless another one is there. */
export function giveBack(text) {
  if (messageField.value === '') messageField.value = text;
}

export function focusMessage() {
  messageField.focus();
}

// The title

export function setTitle(text) {
  title = text;
  setUnread(unread);
}

function setUnread(count) {
  unread = count;
  document.title = count === 0 ? title : `(${count}) ${title}`;
}

toEndButton.addEventListener('click', () => {
  scrollToEnd();
  messageField.focus();
});
log.addEventListener('scroll', () => {
  isAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 48;
  if (isAtEnd) toEndButton.hidden = true;
});
// The log shrinks when the keyboard of a phone opens or the header gets another line.
new ResizeObserver(() => {
  if (isAtEnd) scrollToEnd();
}).observe(log);
document.addEventListener('visibilitychange', () => {
  if (!document.hidden) setUnread(0);
});
