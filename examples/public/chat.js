/**
 * The chat in the browser, with topics: each room is a topic. The build puts the client for browsers,
 * `4d-websocket/browser-topics`, beside this file. The server is examples/chat.ts.
 */
import { WebSocket } from './4d-websocket.js';
import {
  clearLog,
  element,
  focusMessage,
  giveBack,
  setFilling,
  setTitle,
  showConnected,
  showDivider,
  showEnded,
  showHint,
  showLost,
  showMessage,
  showNotice,
  showPeople,
  startView,
} from './view.js';

const MESSAGES_ON_JOINING = 50;
/** After so long a message that is not stored is no matter of course any more. */
const SLOW_MS = 1000;
/** The others are back so long after a restart, if they come back by themselves. */
const RETURN_MS = 20_000;

const MISSING = {
  epoch: 'The chat was restarted: what was said before is not kept',
  trimmed: 'You were away for long: the first messages you missed are not kept',
  forked: 'The chat has lost some messages: the last ones above may be gone',
  slow: 'Too much was said at once: messages are missing here',
};

// What this tab remembers: the session and the name and colour that the server gave me

function recall(key) {
  try {
    return sessionStorage.getItem(key) ?? undefined;
  } catch {
    return undefined;
  }
}

function remember(key, value) {
  try {
    sessionStorage.setItem(key, value);
  } catch {
    // Storage is forbidden: the page remembers as long as it lives.
  }
}

/** Reads the name of this tab, else the name chosen last in any tab. */
function recallName() {
  try {
    return recall('chat-name') ?? localStorage.getItem('chat-name') ?? '';
  } catch {
    return '';
  }
}

/** The secret by which the server knows this tab again, also after a reload: nobody is told that I left and came back. */
function recallSession() {
  const known = recall('chat-session');
  if (known !== undefined) return known;
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  const secret = btoa(String.fromCharCode(...bytes)).replace(/[+/=]/g, (c) => ({ '+': '-', '/': '_', '=': '' })[c]);
  remember('chat-session', secret);
  return secret;
}

/** Who I am: what I wish for until the server has said it. `id` is undefined until then. */
let me = { id: undefined, name: recallName(), color: recall('chat-color') ?? '' };

const $ = (id) => document.getElementById(id);
const [nameForm, nameField, roomList, conversation] = ['name-form', 'name', 'room-list', 'conversation'].map($);

/** The subscription to the room that the page shows; undefined when it could not begin, or a callback has failed. */
let room;
/** Whether the connection is made anew to change the name, and not because it was lost. */
let isRenaming = false;
/** Messages that are not stored yet. */
let unstored = 0;

// The connection

const handler = {
  dataType: 'object',

  // The only message that does not belong to a room: who I am, as the server sees me.
  onMessage(_socket, { data: { who } }) {
    me = who;
    remember('chat-name', me.name);
    remember('chat-color', me.color);
    // The field is left alone while the user edits it.
    if (document.activeElement !== nameField) nameField.value = me.name;
    showConnected();
  },

  onDisconnect(_socket, { delayMs }) {
    // What is said meanwhile waits for the new connection.
    if (isRenaming && delayMs === 0) return;
    isRenaming = false;
    showLost(delayMs);
  },

  onTerminate: (_socket, { message }) => showEnded(message),
};

function chatUrl() {
  const url = new URL('.', location.href);
  url.protocol = url.protocol.replace('http', 'ws');
  url.searchParams.set('name', me.name);
  url.searchParams.set('color', me.color);
  return url;
}

// The room

/** One stay in a room: the handler of its subscription. The position of the subscription lives through reconnections. */
class Stay {
  #hasJoined = false;
  /** Who is here, by id. */
  #people = new Map();
  /** Who was here when the chat was restarted, and will come back by themselves: that is no news. */
  #awaited = new Map();
  /** The positions of the messages that the log shows, oldest first. */
  #shown = new Set();

  onSubscribed(_room, { state, missed }) {
    const isExpected = isRenaming;
    isRenaming = false;
    setFilling(missed > 0);
    if (state === 'new') {
      if (missed === 0) this.#showJoined();
    } else if (state === 'gap') {
      // onGap follows.
    } else if (missed > 0) {
      showDivider(missed === 1 ? '1 message while you were away' : `${missed} messages while you were away`);
    } else if (!isExpected) showNotice('You are back as ', me, ': you missed nothing');
  }

  onMessage(_room, { data: { id, name, color, text }, at, position, isReplayed }) {
    // It was read from the history already.
    if (this.#shown.has(position)) return;
    this.#shown.add(position);
    if (this.#shown.size > 2 * MESSAGES_ON_JOINING) this.#shown.delete(this.#shown.values().next().value);
    showMessage({ name, color, text, at, isMine: id === me.id, isReplayed });
  }

  onLive() {
    setFilling(false);
    this.#showJoined();
  }

  onGap(stayed, { reason }) {
    return this.#onMissing(stayed, reason);
  }

  onRefused(_room, { message }) {
    showNotice(`You cannot enter this room: ${message}`);
  }

  onMembers(_room, { count, list }) {
    const present = new Map(list.map((member) => [member.id, toPerson(member)]));
    // Of very many only the number is told.
    const isWhole = present.size === count;
    if (isWhole && this.#people.size > 0) {
      for (const person of present.values()) this.#noteArrival(person);
      for (const person of this.#people.values()) if (!present.has(person.id)) this.#noteDeparture(person);
    }
    // The list may be older than my arrival.
    if (isWhole && !present.has(me.id)) present.set(me.id, { ...me, since: Infinity });
    this.#people = present;
    this.#showPeople(Math.max(count, present.size));
  }

  onJoin(_room, member) {
    const person = toPerson(member);
    this.#noteArrival(person);
    this.#people.set(person.id, person);
    this.#showPeople();
  }

  onLeave(_room, member) {
    this.#noteDeparture(toPerson(member));
    this.#people.delete(member.id);
    this.#showPeople();
  }

  onEnd(_room, { cause }) {
    if (cause !== 'callback') return;
    room = undefined;
    showEnded('this page has failed');
  }

  #showJoined() {
    if (!this.#hasJoined) showNotice('You joined as ', me);
    this.#hasJoined = true;
  }

  #showPeople(count = this.#people.size) {
    const people = [...this.#people.values()].toSorted((one, other) => one.since - other.since);
    showPeople(people, me.id, count);
  }

  #noteArrival(person) {
    const known = this.#people.get(person.id);
    if (known !== undefined && known.name !== person.name) showNotice('', known, ' is now ', person);
    if (known === undefined && !this.#awaited.delete(person.id) && person.id !== me.id)
      showNotice('', person, ' joined');
  }

  #noteDeparture(person) {
    if (person.id !== me.id) showNotice('', person, ' left');
  }

  /** What follows is complete; what was said before, as far as it is kept, is read from the history. */
  async #onMissing(stayed, reason) {
    this.#hasJoined = true;
    showDivider(MISSING[reason]);
    if (reason === 'epoch') {
      this.#awaited = this.#people;
      this.#people = new Map();
      setTimeout(() => this.#awaited.clear(), RETURN_MS);
    }
    try {
      const { messages } = await stayed.history({ limit: MESSAGES_ON_JOINING });
      if (stayed !== room) return;
      setFilling(true);
      for (const message of messages) this.onMessage(stayed, { ...message, isReplayed: true });
      setFilling(false);
    } catch {
      if (stayed === room) showNotice('What was said meanwhile could not be read');
    }
  }
}

function toPerson({ id, since, info: { name, color } }) {
  return { id, since, name, color };
}

/** Leaves the room, and enters the one that the address names. */
function enterRoom() {
  const name = roomName();
  showRoom(name);
  room?.unsubscribe();
  room = undefined;
  try {
    const options = { since: { last: MESSAGES_ON_JOINING }, presence: { show: true, watch: true } };
    room = socket.subscribe(`room/${name}`, new Stay(), options);
  } catch (error) {
    showNotice(`You cannot enter this room: ${error.message}`);
  }
}

/** Reads the name of a room from the address: `books` from `#books`. */
function roomName() {
  const written = location.hash.slice(1);
  try {
    return decodeURIComponent(written).normalize().toLowerCase() || 'lobby';
  } catch {
    return written.toLowerCase();
  }
}

function showRoom(name) {
  clearLog();
  setFilling(false);
  showPeople(undefined);
  setTitle(`#${name} · Chat`);
  conversation.setAttribute('aria-label', `Conversation in ${name}`);
  const href = `#${encodeURIComponent(name)}`;
  const links = [...roomList.querySelectorAll('a')];
  let link = links.find((known) => known.getAttribute('href') === href);
  if (link === undefined) {
    link = element('a', '', name);
    link.href = href;
    roomList.append(element('li', '', link));
  }
  for (const other of links) other.removeAttribute('aria-current');
  link.setAttribute('aria-current', 'page');
  link.scrollIntoView({ block: 'nearest', inline: 'nearest' });
}

// What I do

async function say(text) {
  unstored++;
  // Without a connection the client sends it again when there is one, and the server stores it once.
  const timer = setTimeout(() => showHint('Your message is not stored yet: it is sent again until it is.'), SLOW_MS);
  try {
    await room.publish({ text });
  } catch (error) {
    const problem = error.stored === 'unknown' ? 'Nobody knows whether this was said' : 'This was not said';
    showNotice(`${problem}: “${text}”`);
    giveBack(text);
  }
  clearTimeout(timer);
  unstored--;
  if (unstored === 0) showHint('');
}

nameForm.addEventListener('submit', (event) => {
  event.preventDefault();
  const name = nameField.value.trim();
  if (name === '' || name === me.name) {
    nameField.value = me.name;
    return;
  }
  me = { ...me, name };
  remember('chat-name', name);
  try {
    localStorage.setItem('chat-name', name);
  } catch {
    // Storage is forbidden: other tabs do not hear of the name.
  }
  // The server gives names to connections. The rooms go on where they were, and show the new name.
  isRenaming = socket.status === 'Connected';
  socket.reconnect();
  focusMessage();
});

startView({
  send: say,
  reconnect() {
    socket.reconnect();
    if (room === undefined) enterRoom();
  },
});
const socket = new WebSocket(chatUrl(), handler, {
  topics: true,
  protocols: [`session.${recallSession()}`],
  connectTimeoutMs: Infinity,
  // Whatever ended the connection, a chat is there again some day. The URL has the name that was chosen meanwhile.
  reconnect: { minDelayMs: 500, maxDelayMs: 15_000, url: chatUrl, shouldReconnect: () => true },
});
enterRoom();
addEventListener('hashchange', enterRoom);
