// What several venues agree a price is (docs/spec/pool.md, section 10): what failed or is not fresh
// is left out, one quote per origin stays, outliers go, enough origins must remain, close enough
// together, their weighted median is the price, and a coin's must be near the sanity bound.

import { UNIT, decimal, flag, lamports, order, smallest } from "./decimals.js";
import { instant, optional, tables, text, whole } from "./fields.js";

const FUTURE_TOLERANCE = 1_000n;
const BOUND_AGE = 120_000n;
const BOUND_WIDTH = 4n; // a quarter of the bound
const OUTLIER_FLOOR = 1_000n; // a thousandth of the median
const OUTLIER_MADS = [44_478n, 10_000n]; // 3 x 1.4826

/** Read an observation: {tick, asset, at, judgedAt, price, quotes, reserve, supply}. */
export function parseObservation(value) {
  return {
    tick: whole(value, "tick"),
    asset: text(value, "asset"),
    at: instant(value, "at"),
    judgedAt: instant(value, "judged_at"),
    price: decimal(value, "price"),
    quotes: tables(value, "quotes").map(parseQuote),
    reserve: optional(lamports, value, "quote_reserve"),
    supply: optional(decimal, value, "supply"),
  };
}

function parseQuote(value) {
  const quote = {
    source: text(value, "source"),
    origin: text(value, "origin"),
    weight: whole(value, "weight"),
    price: optional(decimal, value, "price"),
    receivedAt: instant(value, "received_at"),
    used: flag(value, "used"),
    why: optional(text, value, "why"),
    pool: optional(text, value, "pool"),
    reserve: optional(lamports, value, "quote_reserve"),
    supply: optional(decimal, value, "supply"),
  };
  return { ...quote, at: optional(instant, value, "source_time") ?? quote.receivedAt };
}

/**
 * Find the price on which quotes agree: {price, at, reserve, supply, why}, or {none, why}, where
 * none is the rule by which there is no price. `why` tells of each source that it did not count.
 * `bound` is the sanity bound's quote, or null.
 */
export function agree(quotes, rules, now, bound) {
  const why = leftOut(quotes, rules, now);
  if (bound) why.set(bound.source, unusable(bound, BOUND_AGE, now) ?? "bound");
  const used = quotes.filter((quote) => !why.has(quote.source));
  const none = (reason) => ({ none: reason, why });
  if (BigInt(used.length) < rules.quorum || !used.length) return none("quorum");
  const prices = used.map(({ price, weight }) => [price, weight]);
  const price = weightedMedian(prices);
  const lowest = smallest(used.map((quote) => quote.price));
  const highest = -smallest(used.map((quote) => -quote.price));
  if ((highest - lowest) * UNIT > rules.spread * price) return none("spread");
  if (bound && !isNear(bound, price, now)) return none("bound");
  const reserves = used.map((quote) => quote.reserve).filter((reserve) => reserve !== null);
  const supplies = used.filter((quote) => quote.supply !== null);
  return {
    price,
    at: smallest(used.map((quote) => quote.at)),
    reserve: reserves.length ? smallest(reserves) : null,
    supply: supplies.length ? weightedMedian(supplies.map((each) => [each.supply, each.weight])) : null,
    why,
  };
}

/** The lowest value whose weight, with that of those below it, reaches half of the whole. */
export function weightedMedian(weighted) {
  const sorted = [...weighted].sort((one, other) => order(one[0], other[0]) || order(one[1], other[1]));
  const all = sorted.reduce((before, [, weight]) => before + weight, 0n);
  let reached = 0n;
  return sorted.find(([, weight]) => 2n * (reached += weight) >= all)[0];
}

function leftOut(quotes, rules, now) {
  const why = new Map();
  for (const quote of quotes) {
    const found = unusable(quote, rules.maxAge.get(quote.source), now);
    if (found !== null) why.set(quote.source, found);
  }
  const rest = () => quotes.filter((quote) => !why.has(quote.source));
  keepOnePerOrigin(rest(), why);
  dropOutliers(rest(), why);
  return why;
}

function unusable(quote, maxAge, now) {
  if (quote.price === null) return quote.why || "failed";
  if (quote.at > now + FUTURE_TOLERANCE) return "future";
  return now - quote.at > maxAge ? "stale" : null;
}

/** The quote with the deepest known reserve speaks for its origin and pool, of equals the latest. */
function keepOnePerOrigin(quotes, why) {
  const depth = (quote) => quote.reserve ?? -1n;
  const speaksFirst = (one, other) =>
    order(depth(other), depth(one)) || order(other.at, one.at) || order(other.source, one.source);
  const [origins, pools] = [new Set(), new Set()];
  for (const quote of [...quotes].sort(speaksFirst)) {
    if (origins.has(quote.origin) || (quote.pool !== null && pools.has(quote.pool))) {
      why.set(quote.source, "origin");
      continue;
    }
    origins.add(quote.origin);
    pools.add(quote.pool);
  }
}

function dropOutliers(quotes, why) {
  if (!quotes.length) return;
  // Medians are kept doubled, and their distances' median so twice over: nothing is halved.
  const middle = doubledMedian(quotes.map((quote) => quote.price));
  const away = quotes.map(({ price }) => (2n * price < middle ? middle - 2n * price : 2n * price - middle));
  const mad = doubledMedian(away);
  const [mads, of] = OUTLIER_MADS;
  quotes.forEach(({ source }, place) => {
    const isFar = 2n * of * away[place] > mads * mad && OUTLIER_FLOOR * away[place] > middle;
    if (isFar) why.set(source, "outlier");
  });
}

function doubledMedian(values) {
  const sorted = [...values].sort(order);
  const half = sorted.length >> 1;
  return sorted.length % 2 ? 2n * sorted[half] : sorted[half - 1] + sorted[half];
}

function isNear(bound, price, now) {
  if (unusable(bound, BOUND_AGE, now) !== null) return true;
  const away = price < bound.price ? bound.price - price : price - bound.price;
  return BOUND_WIDTH * away <= bound.price;
}
