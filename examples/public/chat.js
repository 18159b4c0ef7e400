/**
 * The chat in the browser, with the client for browsers, `4d-websocket/browser`: the build puts it beside this file. The
 * server is examples/chat.ts or examples/e6-object-chat.ts.
 *
 * Text from others is always shown with textContent, never as HTML.
 */
import { WebSocket } from './4d-websocket.js';

const MAX_ENTRIES = 500;
const NAME_KEY = 'chat-name';
/** Names of colours that chat.css knows. */
const COLORS = new Set(['blue', 'red', 'green', 'purple', 'orange', 'teal', 'pink', 'olive']);

const $ = (id) => document.getElementById(id);
const [connection, stateText, countdown, retryButton] = [$('connection'), $('state'), $('countdown'), $('retry')];
const [nameForm, nameField] = [$('name-form'), $('name')];
const [peopleCount, peopleList] = [$('people-count'), $('people-list')];
const [log, toEndButton] = [$('log'), $('to-end')];
const [messageForm, messageField, hint] = [$('message-form'), $('message'), $('hint')];

let countdownTimer;
/** The id that the server gave me; empty until the welcome message. */
let myId = '';
let myName = recallName();
let unread = 0;
/** Whether the log shows its last entry. Only then does the log scroll to new entries. */
let isAtEnd = true;

// The connection

const handler = {
  dataType: 'object',
  onMessage: (_socket, event) => onMessage(event.data),
  onDisconnect: (_socket, event) => onLost(event.delayMs),
  onTerminate: (_socket, event) => onEnded(event.message),
};

function chatUrl() {
  const url = new URL('.', location.href);
  url.protocol = url.protocol.replace('http', 'ws');
  if (myName !== '') url.searchParams.set('name', myName);
  return url;
}

function onLost(waitMs) {
  showPeople(undefined);
  // The page is being kept for the way back. The client connects when it is shown again.
  if (waitMs === Infinity) return showConnecting('Reconnecting…');
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

/** Nothing connects again by itself: a callback of this page has failed. */
function onEnded(reason) {
  showPeople(undefined);
  setState('lost', 'Disconnected: ', reason);
}

function showConnecting(text) {
  setState('connecting', text);
}

function isConnected() {
  return socket.status === 'Connected';
}

function setState(state, ...content) {
  clearInterval(countdownTimer);
  connection.dataset.state = state;
  stateText.replaceChildren(...content);
  countdown.textContent = '';
  if (state === 'connected') hint.textContent = '';
  // Hiding the focused button would lose the focus.
  if (state !== 'lost' && document.activeElement === retryButton) messageField.focus();
  retryButton.hidden = state !== 'lost';
}

// Messages from the server

function onMessage(message) {
  switch (message.type) {
    case 'welcome':
      showNotice(myId === '' ? 'You joined as ' : 'You are back as ', message.who);
      myId = message.who.id;
      setMyName(message.who.name);
      setState('connected', 'Connected');
      break;
    case 'joined':
      showNotice('', message.who, ' joined');
      break;
    case 'left':
      showNotice('', message.who, ' left');
      break;
    case 'renamed':
      showNotice('', { ...message.who, name: message.from }, ' is now ', message.who);
      if (message.who.id === myId) setMyName(message.who.name);
      break;
    case 'message':
      showMessage(message);
      break;
  }
  if (message.present !== undefined) showPeople(message.present);
}

// The page

function element(tag, className, ...content) {
  const created = document.createElement(tag);
  created.className = className;
  created.append(...content);
  return created;
}

function nameElement({ name, color }) {
  // bdi and dir keep a name or text in a right-to-left script from reordering what stands around it.
  const created = element('bdi', 'name', name);
  if (COLORS.has(color)) created.dataset.color = color;
  return created;
}

function showMessage({ name, color, text }) {
  const now = new Date();
  const time = element('time', '', now.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' }));
  time.dateTime = now.toISOString();
  const body = element('p', 'text', text);
  body.dir = 'auto';
  const isMine = name === 'Me';
  append(element('article', isMine ? 'message mine' : 'message', nameElement({ name, color }), time, body));
  if (document.hidden && !isMine) setUnread(unread + 1);
}

/** @param parts - texts, and persons whose names are shown in their colour */
function showNotice(...parts) {
  append(element('p', 'notice', ...parts.map((part) => (typeof part === 'string' ? part : nameElement(part)))));
}

function append(entry) {
  log.append(entry);
  if (log.childElementCount > MAX_ENTRIES) log.firstElementChild.remove();
  if (isAtEnd || entry.classList.contains('mine')) scrollToEnd();
  else toEndButton.hidden = false;
}

function scrollToEnd() {
  log.scrollTop = log.scrollHeight;
  isAtEnd = true;
  toEndButton.hidden = true;
}

/** @param people - undefined without a connection */
function showPeople(people) {
  peopleCount.textContent = people === undefined ? '?' : String(people.length);
  peopleList.replaceChildren(
    ...(people ?? []).map((person) => {
      const item = element('li', '', nameElement(person));
      if (person.id === myId) item.append(' (you)');
      return item;
    }),
  );
}

function setUnread(count) {
  unread = count;
  document.title = count === 0 ? 'Chat' : `(${count}) Chat`;
}

// My name

/** Reads the name of this tab, else the name chosen last in any tab; `''` when storage is forbidden. */
function recallName() {
  try {
    return sessionStorage.getItem(NAME_KEY) ?? localStorage.getItem(NAME_KEY) ?? '';
  } catch {
    return '';
  }
}

function setMyName(name) {
  myName = name;
  // The field is left alone while the user edits it.
  if (document.activeElement !== nameField) nameField.value = name;
}

nameForm.addEventListener('submit', (event) => {
  event.preventDefault();
  const name = nameField.value.trim();
  if (name === '') {
    nameField.value = myName;
    return;
  }
  myName = name;
  try {
    sessionStorage.setItem(NAME_KEY, name);
    localStorage.setItem(NAME_KEY, name);
  } catch {
    // Storage is forbidden: myName keeps the name as long as the page lives.
  }
  if (isConnected()) socket.send({ name });
  messageField.focus();
});

// My messages

messageForm.addEventListener('submit', (event) => {
  event.preventDefault();
  const text = messageField.value.trim();
  if (text === '') return;
  if (!isConnected()) {
    hint.textContent = 'Not connected: your text stays here until the connection is back.';
    return;
  }
  socket.send({ text });
  messageField.value = '';
  messageField.focus();
});

retryButton.addEventListener('click', () => {
  showConnecting('Reconnecting…');
  socket.reconnect();
});
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

showConnecting('Connecting…');
const socket = new WebSocket(chatUrl(), handler, {
  connectTimeoutMs: Infinity,
  // Whatever ended the connection, a chat is there again some day. The URL has the name that was chosen meanwhile.
  reconnect: { minDelayMs: 500, maxDelayMs: 15_000, url: chatUrl, shouldReconnect: () => true },
});
