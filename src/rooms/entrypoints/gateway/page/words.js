// What the codes of the house mean, in words.

import { bps, plural, usd } from "./figures.js";
import { atMinute } from "./time.js";

export const STATUS = {
  QUEUING: "Waiting for players",
  OPEN: "Open",
  LOCKED: "Locked",
  SETTLING: "Settling",
  SETTLED: "Settled",
  VOIDED: "Void",
};

export const REASON = {
  NO_WINNER: "Nobody backed the outcome; every stake went back.",
  MIN_PLAYERS: "Too few players had come by lock time; every stake went back.",
  TARGET_MET_QUEUING: "The target was met before enough players had come; every stake went back.",
  NO_CONSENSUS: "The price sources did not agree in time; every stake went back.",
  ADMIN: "Two administrators called the room off; every stake went back.",
};

const CAUSE = {
  created: "The host asked the question.",
  "enough players": "Enough players had come.",
  "lock time": "Lock time: betting closed, the pools are final.",
  "settle time": "Settle time: the price decides now.",
  "the target was touched": "The target was touched; betting closed.",
  YES: "YES came out; the winners were paid.",
  NO: "NO came out; the winners were paid.",
};

const WHY = {
  absurd: "absurd number",
  another_interval: "another interval",
  another_symbol: "another symbol",
  bound: "sanity bound only",
  error_answer: "answered an error",
  failed: "no answer",
  future: "time in the future",
  missing: "price missing",
  no_pool: "no pool",
  not_closed: "interval not closed",
  not_json: "not JSON",
  not_positive: "not above zero",
  open: "kept failing, left alone",
  origin: "its origin already spoke",
  outlier: "outlier",
  stale: "too old",
  timeout: "no answer in time",
  too_large: "answer too large",
  unnamed: "does not know it",
  unreachable: "unreachable",
  unsure: "unsure of its price",
  wrong_type: "not a number",
};

/** Say why a room is void. */
export function reasonWords(reason) {
  return REASON[reason] ?? `Void (${reason}); every stake went back.`;
}

/** Say what moved a room on. */
export function causeWords(cause) {
  return CAUSE[cause] ?? REASON[cause] ?? cause;
}

/** Say why a quote was left out. */
export function whyWords(why) {
  if (/^http_\d+$/.test(why)) return `answered HTTP ${why.slice(5)}`;
  return WHY[why] ?? why.replaceAll("_", " ");
}

/** Give every single condition of a market, in the order written. */
export function leaves(market) {
  return market.of ? market.of.flatMap(leaves) : [market];
}

/** Name what a condition looks at; a token by the ends of its address. */
export function subject(leaf) {
  if (leaf.type !== "token_market_cap") return leaf.asset;
  return `the market cap of ${shortAddress(leaf.asset)}`;
}

export function shortAddress(address) {
  return address.length > 12 ? `${address.slice(0, 4)}…${address.slice(-4)}` : address;
}

export function directionWords(leaf) {
  return leaf.direction === "at_or_above" ? "at or above" : "at or below";
}

function leafWords(leaf) {
  return `${subject(leaf)} is ${directionWords(leaf)} ${usd(leaf.target)}`;
}

function conditionWords(market, inner = false) {
  if (!market.of) return leafWords(market);
  const joined = market.of
    .map((part) => conditionWords(part, true))
    .join(market.type === "all" ? " and " : " or ");
  return inner && market.of.length > 1 ? `(${joined})` : joined;
}

/** Say what makes the room's answer YES. */
export function marketWords(room) {
  const condition = conditionWords(room.market);
  const when = atMinute(room.settles_at);
  return room.resolve === "touch"
    ? `YES if ${condition} at any time until\u00a0${when}`
    : `YES if ${condition} at\u00a0${when}`;
}

const UNITS = { ms: "millisecond", s: "second", m: "minute", h: "hour", d: "day" };

/** Write a duration of the house, `15m`, as people say it. */
function durationWords(duration) {
  const [, count, unit] = /^(\d+)([a-z]+)$/.exec(duration);
  return plural(Number(count), UNITS[unit], `${UNITS[unit]}s`);
}

/** Say how the room settles: the rules that its terms fix, one sentence or two each. */
export function settlingWords(room) {
  const { terms } = room;
  const touch = [
    "YES as soon as two price checks in a row meet the target; the first of the two counts and lies no later than settle time.",
    "NO with the first check at or after settle time that confirms it was not met. What happens between two checks does not count.",
    `Bets accepted in the last ${durationWords(terms.past_post_window)} before the touch, or since the last check that did not meet the target, are given back: nobody bets on what has already happened.`,
  ];
  const close = ["The first price check whose sources are all at or after settle time decides."];
  const takeout = terms.protocol_bps + terms.host_bps;
  const fees = takeout
    ? `Takeout ${bps(takeout)} of all counted stakes (protocol ${bps(terms.protocol_bps)}, host ${bps(terms.host_bps)}), but never more than the losing pool: a winner is never paid less than the stake.`
    : "No takeout: the winners share everything.";
  return [
    ...(room.resolve === "touch" ? touch : close),
    fees,
    `Without a price that the sources agree on within ${durationWords(terms.settle_grace)} after settle time, every stake goes back.`,
  ];
}
