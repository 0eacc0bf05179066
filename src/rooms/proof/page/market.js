// The statement that decides a room: what it says, when prices meet it, and when it came true
// (docs/spec/pool.md, section 2). Times are Unix milliseconds, prices as of decimals.js, BigInt.

import { UNIT, digitsOf, order, parseDecimal, smallest } from "./decimals.js";

const MOST_LEAVES = 5;
const MOST_DEPTH = 2;
const MOST_DIGITS = 30;
const LARGEST_EXPONENT = 20;
const KINDS = ["all", "any"];
const TYPES = ["coin_price", "token_market_cap"];
const DIRECTIONS = ["at_or_above", "at_or_below"];

/** Why an object is no market: one word. */
export class MarketProblem extends Error {}

/** Read a room's market. MarketProblem for anything else. */
export function parseMarket(market) {
  const condition = parsePart(market, MOST_DEPTH);
  const found = leavesOf(condition);
  if (found.length > MOST_LEAVES) throw new MarketProblem("leaves");
  const names = found.map((leaf) => [leaf.type, leaf.asset, leaf.direction, leaf.target].join(" "));
  if (new Set(names).size < names.length) throw new MarketProblem("twice");
  return condition;
}

/** Every leaf, in the order written. */
export function leavesOf(condition) {
  return condition.of ? condition.of.flatMap(leavesOf) : [condition];
}

export function isToken(leaf) {
  return leaf.type === "token_market_cap";
}

function parsePart(market, depth) {
  if (typeof market !== "object" || market === null || Array.isArray(market)) {
    throw new MarketProblem("shape");
  }
  if (TYPES.includes(market.type)) return parseLeafOf(market);
  if (!KINDS.includes(market.type)) throw new MarketProblem("shape");
  if (depth === 0) throw new MarketProblem("depth");
  const { type, of } = market;
  if (Object.keys(market).length !== 2 || !Array.isArray(of)) throw new MarketProblem("shape");
  if (of.length < 1 || of.length > MOST_LEAVES) throw new MarketProblem("leaves");
  return { type, of: of.map((part) => parsePart(part, depth - 1)) };
}

function parseLeafOf(market) {
  const known = ["type", "asset", "direction", "target", ...(isToken(market) ? ["supply"] : [])];
  if (!Object.keys(market).every((name) => known.includes(name))) throw new MarketProblem("shape");
  const { type, asset, direction } = market;
  if (typeof asset !== "string" || !/^[A-Za-z0-9]{1,64}$/.test(asset)) throw new MarketProblem("asset");
  if (!DIRECTIONS.includes(direction)) throw new MarketProblem("direction");
  const target = positive(market.target, "target");
  const supply = (market.supply ?? null) === null ? null : positive(market.supply, "shape");
  return { type, asset, direction, target, supply };
}

function positive(written, reason) {
  const number = parseDecimal(written);
  if (number === null || number <= 0n) throw new MarketProblem(reason);
  const { digits, exponent } = digitsOf(written);
  if (digits > MOST_DIGITS || Math.abs(exponent) > LARGEST_EXPONENT) throw new MarketProblem(reason);
  return number;
}

/** Whether prices (a Map by asset) meet the condition. */
function meets(condition, prices) {
  if (condition.of) {
    const met = (part) => meets(part, prices);
    return condition.type === "all" ? condition.of.every(met) : condition.of.some(met);
  }
  const price = prices.get(condition.asset);
  const [value, target] = isToken(condition)
    ? [price * condition.supply, condition.target * UNIT]
    : [price, condition.target];
  return condition.direction === "at_or_above" ? value >= target : value <= target;
}

/**
 * Look at a condition with the points {at, price} of one tick, a Map by asset: {at, met}, or null
 * where a price is missing. In a touch room a token's price is its time-weighted median, for which
 * `earlier` has the points of the ticks before; null while its window is not filled.
 */
export function lookAt(condition, observed, earlier, { touch, window }) {
  const prices = new Map();
  for (const leaf of leavesOf(condition)) {
    const point = observed.get(leaf.asset);
    if (!point) return null;
    const points = () => [...(earlier.get(leaf.asset) ?? []), point];
    const price = touch && isToken(leaf) ? timeWeightedMedian(points(), point.at, window) : point.price;
    if (price === null) return null;
    prices.set(leaf.asset, price);
  }
  const times = [...prices.keys()].map((asset) => observed.get(asset).at);
  return { at: smallest(times), met: meets(condition, prices) };
}

/** The lowest value that, with those below it, held for half of the window before `at`. */
function timeWeightedMedian(points, at, window) {
  const start = at - window;
  const known = points.filter((point) => point.at <= at).sort((one, other) => order(one.at, other.at));
  if (!known.length || known[0].at > start) return null;
  const since = (time) => (time > start ? time : start);
  const held = known.map((point, place) => {
    const end = known[place + 1]?.at ?? at;
    return [point.price, since(end) - since(point.at)];
  });
  held.sort((one, other) => order(one[0], other[0]) || order(one[1], other[1]));
  let reached = 0n;
  return held.find(([, duration]) => 2n * (reached += duration) >= window)[0];
}

/** The fold that decides a room: `step` takes its observations in the order of ticks. */
export class Watch {
  constructor({ createdAt, settlesAt, resolve }, confirmations) {
    Object.assign(this, { createdAt, settlesAt, resolve, confirmations });
    this.clearAt = createdAt;
    this.metSince = null;
    this.met = 0n;
  }

  /** A decision {outcome, trigger, tHit, tClear}, or null where there is none yet. */
  step({ at, met }) {
    if (this.resolve === "at_close") return this.close(at, met);
    if (at <= this.createdAt) return null;
    if (met && (this.met || at <= this.settlesAt)) return this.touch(at);
    this.clearAt = at;
    this.metSince = null;
    this.met = 0n;
    return this.close(at, false);
  }

  touch(at) {
    this.metSince ??= at;
    this.met += 1n;
    if (this.met < this.confirmations) return null;
    return { outcome: "YES", trigger: "touch", tHit: this.metSince, tClear: this.clearAt };
  }

  close(at, met) {
    if (at < this.settlesAt) return null;
    return { outcome: met ? "YES" : "NO", trigger: "close", tHit: null, tClear: null };
  }
}
