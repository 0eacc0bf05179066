// The sandbox player of this browser, and what is asked in its name. The token lives in this tab's
// session only, and in other open tabs of this house; it is never in an address.

const KEPT = "rooms.player";
const FUND = "100000000000";
const ANSWER_WITHIN = 10000;

let player = read();
const listeners = new Set();
const newsListeners = new Set();
const tabs = "BroadcastChannel" in globalThis ? new BroadcastChannel(KEPT) : null;
tabs?.addEventListener("message", ({ data }) => {
  if (data === "who?" && player) tabs.postMessage(player);
  if (data?.token && !player) become(data);
  if (data === "news") newsListeners.forEach((listen) => listen());
});
if (!player) tabs?.postMessage("who?");

function read() {
  try {
    return JSON.parse(sessionStorage.getItem(KEPT));
  } catch {
    return null;
  }
}

function become(next) {
  player = next;
  try {
    if (next) sessionStorage.setItem(KEPT, JSON.stringify(next));
    else sessionStorage.removeItem(KEPT);
  } catch {
    // Without storage the player lasts as long as the page.
  }
  listeners.forEach((listen) => listen(player));
}

/** Give {id, token, since}, or null. */
export function currentPlayer() {
  return player;
}

/** Call now and whenever the player changes. */
export function onPlayer(listen) {
  listeners.add(listen);
  listen(player);
}

/** Tell the other tabs that something of the player's has changed. */
export function tellTabs() {
  tabs?.postMessage("news");
}

/** Call when another tab says so. */
export function onNews(listen) {
  newsListeners.add(listen);
}

/** Say whether this house lets anybody become a player with play money. */
export async function hasPlayMoney() {
  const answer = await fetch("/v1/sandbox/players", { method: "OPTIONS" });
  return answer.ok;
}

/** Make a key for a command: 128 bits of chance, also where no `crypto.randomUUID` is (plain HTTP). */
export function freshKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Become a player of the sandbox. Throws a Problem. */
export async function signUp() {
  const name = `Guest ${freshKey().slice(0, 4)}`;
  const body = { name, fund: { amount: FUND, asset: "SOL" } };
  const made = await send("POST", "/v1/sandbox/players", { body, key: freshKey() });
  const found = { id: made.player_id, token: made.access_token, since: Date.now() };
  become(found);
  tabs?.postMessage(found);
}

/** What the house answered instead: its words; `status` 0 where nobody answered. */
export class Problem extends Error {
  constructor(words) {
    super(words.title);
    Object.assign(this, { money: "", next: "", detail: "", code: "", ...words });
  }

  /** Whether the command may have been done all the same: the same key finds out. */
  get unknown() {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

/** Read for anyone, or in the player's name. Throws a Problem. */
export function get(path, { own = false } = {}) {
  return send("GET", path, { own });
}

/** Send a command of the player's under a key: the same key is the same act. Throws a Problem. */
export function command(method, path, body, key) {
  return send(method, path, { own: true, body, key });
}

async function send(method, path, { own = false, body = null, key = null }) {
  const headers = {};
  if (own) headers.Authorization = `Bearer ${player?.token}`;
  if (key) headers["Idempotency-Key"] = key;
  if (body) headers["Content-Type"] = "application/json";
  const signal = AbortSignal.timeout(ANSWER_WITHIN);
  let answer;
  let said;
  try {
    answer = await fetch(path, { method, headers, signal, body: body && JSON.stringify(body) });
    said = await answer.json();
  } catch {
    throw new Problem({ status: answer && !answer.ok ? answer.status : 0, title: "The house did not answer" });
  }
  if (answer.ok) return said;
  // The sandbox was begun anew: nobody knows this player any more.
  if (answer.status === 401 && own) become(null);
  throw new Problem(said);
}
