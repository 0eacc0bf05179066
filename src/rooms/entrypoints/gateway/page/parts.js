// The parts of which a card and a room's own page are made. Each gives {node, update(room)}.

import { el, measure, say, set } from "./dom.js";
import { decimal, fixed, minus, paid, percent, placesFor, plural, ratio, sol, usd } from "./figures.js";
import { atSecond } from "./time.js";
import { STATUS, leaves, shortAddress } from "./words.js";

const SIDES = ["YES", "NO"];
const GAUGE_REACH = 0.02;

export function badge() {
  const node = el("span", { class: "badge" });
  return {
    node,
    update(room) {
      set(node, "data-status", room.status);
      say(node, STATUS[room.status] ?? room.status);
    },
  };
}

/** Give the YES share of the pools as a fraction, null while nobody has bet. */
export function yesShare(room) {
  const [yes, no] = SIDES.map((side) => BigInt(room.pools[side].amount));
  return yes + no === 0n ? null : Number((yes * 10000n) / (yes + no)) / 10000;
}

function poolSide(side) {
  const share = el("span", { class: "share" });
  const stake = el("span", { class: "stake" });
  const pays = el("span", { class: "pays" });
  const node = el(
    "div",
    { class: "side", "data-side": side },
    el("span", { class: "name" }, side, " ", share),
    stake,
    pays,
  );
  return {
    node,
    update(room, part, settlement) {
      say(share, part === null ? "" : percent(part * 100));
      say(stake, sol(room.pools[side].amount));
      say(pays, settlement ? cameTo(side, settlement) : dividendWords(room.dividend[side]));
    },
  };
}

function dividendWords(dividend) {
  return dividend === null ? "nobody yet" : `pays ${dividend}`;
}

/** Say what became of a side's stakes. */
function cameTo(side, settlement) {
  if (settlement.outcome === null) return "given back";
  return settlement.outcome === side ? `paid ${paid(settlement)}` : "lost";
}

/** Say what kind of dividends are shown. */
function dividendsLabel(room, settlement) {
  if (settlement?.outcome === null) return "Void: no takeout";
  if (settlement) return `Dividend: final, stake included${settlement.scratched ? "; scratched bets were given back" : ""}`;
  const open = room.status === "QUEUING" || room.status === "OPEN";
  return open ? "Dividends: now, indicative" : "Dividends: as the pools stand at lock";
}

/** Both pools: stakes, shares, dividends, and a bar between them. */
export function pools() {
  const [yes, no] = SIDES.map(poolSide);
  const bar = el("div", { class: "bar", "aria-hidden": "true" }, el("i"), el("i"));
  const label = el("p", { class: "label" });
  const node = el("div", { class: "pools" }, yes.node, no.node, bar, label);
  return {
    node,
    update(room, settlement = null) {
      const share = yesShare(room);
      yes.update(room, share, settlement);
      no.update(room, share === null ? null : 1 - share, settlement);
      set(bar, "data-empty", share === null ? "yes" : "no");
      measure(bar, "--yes", share ?? 0.5);
      measure(bar, "--no", share === null ? 0.5 : 1 - share);
      say(label, dividendsLabel(room, settlement));
    },
  };
}

/** Find what a condition is compared with now, null where no price is known. */
function priceOf(room, leaf) {
  return room.prices.find((price) => price.asset === leaf.asset) ?? null;
}

/** Say how far the price is from its target. */
function distance(leaf, value) {
  const above = leaf.direction === "at_or_above";
  const [price, target] = [decimal(value), decimal(leaf.target)];
  const gap = above ? minus(target, price) : minus(price, target);
  const places = placesFor(leaf.target);
  const met = gap.units <= 0n;
  const size = { units: gap.units < 0n ? -gap.units : gap.units, scale: gap.scale };
  const share = ratio(size, target);
  const words = met
    ? `${fixed(size, places)} past the target · ${percent(share * 100, 2)}`
    : `${fixed(size, places, true)} to go · ${percent(share * 100, 2)}`;
  return { met, words, away: met ? share : -share };
}

/** Draw where the price is: right of the target's mark the condition is met. */
function gauge() {
  const node = el(
    "div",
    { class: "gauge", "aria-hidden": "true" },
    el("span", { class: "mark" }),
    el("span", { class: "dot" }),
  );
  return {
    node,
    update({ met, away }) {
      const reach = Math.max(-1, Math.min(1, away / GAUGE_REACH));
      measure(node, "--at", reach < 0 ? 0.75 * (1 + reach) : 0.75 + 0.25 * reach);
      set(node, "data-met", met ? "yes" : "no");
    },
  };
}

/** One condition: the price now, its distance to the target, a gauge. */
function condition(leaf) {
  const value = el("span", { class: "value" });
  const target = el("span", { class: "target" });
  const words = el("span", { class: "distance" });
  const at = el("span", { class: "at" });
  const scale = gauge();
  const name = leaf.type === "token_market_cap" ? `${shortAddress(leaf.asset)} market cap` : leaf.asset;
  const node = el(
    "div",
    { class: "price" },
    el("div", { class: "pair" }, el("span", { class: "asset" }, name), target),
    el("div", { class: "pair" }, value, words),
    scale.node,
    at,
  );
  say(target, `target ${usd(leaf.target)}`);
  return {
    node,
    update(room) {
      const price = priceOf(room, leaf);
      set(node, "data-known", price ? "yes" : "no");
      if (price === null) {
        say(value, "no price yet");
        say(words, "");
        return;
      }
      const found = distance(leaf, price.value);
      // Cut on the side away from the target: a price just short of it must not read as met.
      const up = leaf.direction === "at_or_below" && !found.met;
      say(value, usd(price.value, placesFor(leaf.target), up));
      say(words, found.words);
      say(at, `seen ${atSecond(price.at)}`);
      scale.update(found);
    },
  };
}

/** All conditions of a room; the first `most` of them where there are many. */
export function prices(room, most = Infinity) {
  const all = leaves(room.market);
  const shown = all.slice(0, most).map(condition);
  const more = all.length - shown.length;
  const node = el("div", { class: "prices" }, ...shown.map((each) => each.node));
  if (more > 0) node.append(el("p", { class: "label" }, `and ${plural(more, "more condition", "more conditions")}`));
  return { node, update: (now) => shown.forEach((each) => each.update(now)) };
}
