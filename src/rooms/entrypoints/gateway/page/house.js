// The page of the house: rooms in play and latest results.

import { course } from "./course.js";
import { turnable } from "./direction.js";
import { el, keyed, say } from "./dom.js";
import { feed } from "./feed.js";
import { paid, plural, sol } from "./figures.js";
import { hasEnded, moving } from "./moves.js";
import { badge, pools, prices } from "./parts.js";
import { follow } from "./stream.js";
import { atMinute, atMoment, everySecond, until } from "./time.js";
import { marketWords, reasonWords } from "./words.js";

const byId = (id) => document.getElementById(id);
const counting = new Set();

function card(room) {
  const status = badge();
  const lock = el("span", { class: "countdown" });
  const title = el("a", { href: `/r/${encodeURIComponent(room.id)}`, dir: "auto" });
  const market = el("p", { class: "market" });
  const money = pools();
  const price = prices(room, 2);
  const way = course();
  const players = el("span");
  const settles = el("span");
  const node = el(
    "li",
    { class: "card" },
    el("div", { class: "pair" }, status.node, lock),
    el("h2", { class: "title" }, title),
    market,
    price.node,
    money.node,
    way.node,
    el("div", { class: "pair foot-line" }, players, settles),
  );
  let latest = room;
  const tick = () => {
    say(lock, deadline(latest));
    const left = until(latest.settles_at);
    const when = `settles ${atMinute(latest.settles_at)}`;
    say(settles, left === null ? when : `${when}, in ${left}`);
  };
  counting.add(tick);
  return {
    node,
    update(now) {
      latest = now;
      [status, money, price, way].forEach((part) => part.update(now));
      say(title, now.title);
      say(market, marketWords(now));
      say(players, playersWords(now));
      tick();
    },
    end: () => counting.delete(tick),
  };
}

function playersWords(room) {
  return room.status === "QUEUING"
    ? `${room.players}/${room.min_players}\u00a0players`
    : plural(room.players, "player", "players");
}

function deadline(room) {
  if (room.status === "SETTLING") return "waiting for the price";
  if (room.status === "LOCKED") return "betting closed";
  const left = until(room.locks_at);
  return left === null ? "locks now" : `locks in ${left}`;
}

/** Say how a room came out: what the winners were paid, or why it is void. */
function resultWords(settlement) {
  const { outcome, reason, handle, winning } = settlement;
  if (outcome === null) return reasonWords(reason);
  if (handle === winning) return "Nobody had bet against it; every stake came back, no fee.";
  return `${outcome} paid ${paid(settlement)} for each unit staked.`;
}

function result(room) {
  const { settlement, pools: stakes } = room;
  const word = settlement.outcome ?? "Void";
  const how = { touch: ", touched", close: ", at settle time" }[settlement.trigger];
  const when = atMoment(room.settled_at) + (settlement.outcome && how ? how : "");
  const amounts = ["YES", "NO"].map((side) => `${side} ${sol(stakes[side].amount)}`);
  if (settlement.outcome) amounts.push(`takeout ${sol(settlement.takeout)}`);
  const spans = [...amounts, when].map((words) => el("span", {}, words));
  const title = el("a", { href: `/r/${encodeURIComponent(room.id)}`, dir: "auto" }, room.title);
  const node = el(
    "li",
    { class: "result" },
    el("span", { class: "outcome", "data-outcome": word }, word),
    el(
      "div",
      {},
      el("h3", {}, title),
      el("p", { class: "words" }, resultWords(settlement)),
      el("p", { class: "label" }, ...spans),
    ),
  );
  return { node, update() {} };
}

const showRooms = keyed(byId("rooms"), (room) => room.id, card);
const showResults = keyed(byId("results"), (room) => room.id, result);

const moves = moving();
let latest = null;

function show(found) {
  latest = found;
  const snapshot = moves.onto(found);
  showRooms(snapshot.rooms);
  showResults(snapshot.results);
  const { playing, rooms, results } = snapshot;
  const hidden = playing - rooms.length;
  say(byId("count"), playing ? (hidden ? `${rooms.length} of ${playing}` : String(playing)) : "");
  byId("no-rooms").hidden = rooms.length > 0;
  say(byId("no-rooms"), "No room is in play. The next one shows here as soon as a host opens it.");
  byId("no-results").hidden = results.length > 0;
  say(byId("no-results"), "Nothing has settled yet. A room's result stands here once its price has answered.");
}

turnable(byId("direction"));
/** The feed moves a card on at once; a result with its evidence comes with the next snapshot. */
function heard(at, rooms) {
  rooms.forEach((room) => moves.take(at, room));
  if (latest) show(latest);
}

feed({
  topics: () => ["rooms"],
  token: () => null,
  take: ({ at, data }) => heard(at, [data]),
  show: (topic, { rooms }, at) => heard(at, rooms.filter((room) => !hasEnded(room))),
  state() {},
});
everySecond(() => counting.forEach((tick) => tick()));
follow("/live/rooms", show);
