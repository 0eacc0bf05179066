// A room's own page: all that a card has, its life, its rules, and in the end its evidence.

import { betting } from "./betting.js";
import { course } from "./course.js";
import { turnable } from "./direction.js";
import { el, keyed, say, set } from "./dom.js";
import { evidence, panel } from "./evidence.js";
import { feed } from "./feed.js";
import { plural } from "./figures.js";
import { badge, pools, prices } from "./parts.js";
import { currentPlayer, onPlayer } from "./player.js";
import { follow } from "./stream.js";
import { atMillisecond, atMinute, atMoment, everySecond, until } from "./time.js";
import { STATUS, causeWords, marketWords, reasonWords, settlingWords } from "./words.js";

const id = location.pathname.split("/").at(-1);
const place = document.getElementById("room");
const waiting = document.getElementById("waiting");
let page = null;

/** Lines of a name and a value that may change: `fact("Players", (room) => ...)`. */
function facts(rows) {
  const list = el("dl", { class: "facts" });
  const values = rows.map(([name, words]) => {
    const value = el("dd");
    list.append(el("div", {}, el("dt", {}, name), value));
    return (room) => say(value, words(room));
  });
  return { node: list, update: (room) => values.forEach((value) => value(room)) };
}

function countdown(instant, passed) {
  const left = until(instant);
  return left === null ? `${atMoment(instant)}, ${passed}` : `${atMoment(instant)}, in ${left}`;
}

function ended(room) {
  return room.status === "SETTLED" || room.status === "VOIDED";
}

function times() {
  return facts([
    ["Opened", (room) => atMoment(room.created_at)],
    ["Betting locks", (room) => (ended(room) ? atMoment(room.locks_at) : countdown(room.locks_at, "closed"))],
    ["Settles", (room) => (ended(room) ? atMoment(room.settles_at) : countdown(room.settles_at, "waiting for the price"))],
    ["Players", (room) => (room.status === "QUEUING" ? `${room.players} of ${room.min_players} needed` : String(room.players))],
    ["Host", (room) => `player ${room.host_id}`],
    ["Room", (room) => room.id],
  ]);
}

function life() {
  const list = el("ol", { class: "life" });
  const show = keyed(list, (step) => `${step.to} ${step.at}`, (step) => ({
    node: el(
      "li",
      {},
      el("time", { datetime: step.at }, atMillisecond(step.at)),
      el("span", { class: "step" }, STATUS[step.to] ?? step.to),
      el("span", { class: "cause" }, causeWords(step.cause)),
    ),
    update() {},
  }));
  return { node: list, update: (room) => show(room.transitions) };
}

function headline(room) {
  if (room.status === "SETTLED") return `${room.outcome} came out.`;
  if (room.status === "VOIDED") return reasonWords(room.reason);
  if (room.status === "SETTLING") return "Betting is closed; the room waits for the deciding price.";
  if (room.status === "LOCKED") return "Betting is closed; the pools are final.";
  if (room.status === "OPEN") return "Betting is open.";
  const missing = room.min_players - room.players;
  return `Waiting for ${plural(missing, "more player", "more players")}; bets count already.`;
}

function head() {
  const status = badge();
  const title = el("h1", { id: "title", dir: "auto", tabindex: "-1" });
  const market = el("p", { class: "market" });
  const said = el("p", { class: "headline", role: "status" });
  const pending = el("p", { class: "notice" });
  const node = el("header", { class: "room-head" }, status.node, title, market, said, pending);
  return {
    node,
    update(room) {
      document.title = `${room.title} · Rooms`;
      status.update(room);
      say(title, room.title);
      say(market, marketWords(room));
      say(said, headline(room));
      set(said, "data-outcome", room.outcome ?? room.status);
      say(pending, ended(room) ? "" : pendingWords(room.pending_void));
      pending.hidden = pending.textContent === "";
    },
  };
}

function pendingWords(pending) {
  if (!pending) return "";
  const when = atMinute(pending.effective_at);
  return `Two administrators asked to call this room off. It becomes void at ${when} unless the outcome comes first. Their reason: ${pending.reason}`;
}

function build(room) {
  const [top, money, price, way] = [head(), pools(), prices(room), course({ whole: true })];
  const [when, story] = [times(), life()];
  const rules = settlingWords(room).map((rule) => el("li", {}, rule));
  const now = panel("now", "Price", price.node, when.node);
  const past = panel("story", "Life", story.node);
  const bets = betting(room.id);
  const columns = el(
    "div",
    { class: "columns" },
    panel("money", "Pools", money.node, way.node),
    bets.node,
    now,
    past,
    panel("how", "How it settles", el("ul", { class: "rules" }, ...rules)),
  );
  const proof = el("div", { class: "proof" });
  place.append(top.node, columns, proof);
  let shown = false;
  return {
    update(current, settlement) {
      [top, price, way, when, story, bets].forEach((part) => part.update(current));
      money.update(current, settlement);
      if (!settlement || shown) return;
      shown = true;
      // Where a price went afterwards decides nothing any more.
      price.node.hidden = true;
      say(now.firstChild, "Times");
      const found = evidence(current, settlement);
      past.before(...found.outcome);
      proof.append(...found.proof);
    },
    tick: (current) => when.update(current),
    own: bets.read,
  };
}

let latest = null;
let moves = null;

/** Between two snapshots the feed moves the room on; a room that has ended moves no more. */
function moveOn({ type, data }) {
  if (type === "wallet.changed") page?.own();
  if (!latest || ended(latest)) return;
  const last = { ...latest, ...(type === "price" ? { prices: data.prices } : {}) };
  if (type === "room.changed") Object.assign(last, data);
  latest = last;
  page.update(latest, null);
}

function followMoves() {
  const topics = () => [`room:${id}`, ...(currentPlayer() ? ["me"] : [])];
  const show = (topic, data) => (topic === "me" ? page?.own() : moveOn({ type: "room.changed", data: data.room }));
  moves = feed({ topics, token: () => currentPlayer()?.token ?? null, take: moveOn, show, state() {}, denied: () => page?.own() });
}

function show({ room, settlement }) {
  latest = room;
  waiting.hidden = true;
  place.hidden = false;
  page ??= build(room);
  page.update(room, settlement);
  if (!moves) followMoves();
  return ended(room);
}

async function missing() {
  try {
    const answer = await fetch(`/v1/rooms/${encodeURIComponent(id)}`);
    if (answer.status !== 404) return false;
  } catch {
    return false;
  }
  say(waiting, `There is no room ${id}. It may belong to another house, or the link is incomplete.`);
  return true;
}

turnable(document.getElementById("direction"));
everySecond(() => page?.tick(latest));
follow(`/live/rooms/${encodeURIComponent(id)}`, show, { missing });

let whose = currentPlayer()?.id;
onPlayer((player) => {
  if (player?.id === whose) return;
  whose = player?.id;
  moves?.restart();
});
