// A room's decision, derived again: prices from quotes, the outcome from prices.

import { UNIT, order, plainOf } from "./decimals.js";
import { rfc3339 } from "./fields.js";
import { MarketProblem, Watch, isToken, leavesOf, lookAt, parseMarket } from "./market.js";
import { agree } from "./prices.js";

const BOUND = "bound";

/** Why this room cannot be derived again: no rule fits what it states. Null where it can. */
export function roomProblem({ market, resolve, createdAt, locksAt, settlesAt, minPlayers, terms }) {
  const [condition, wrong] = marketOf(market);
  if (!condition) return `the room's market has a wrong ${wrong}`;
  if (leavesOf(condition).some((leaf) => isToken(leaf) && leaf.supply === null)) {
    return "the supply of a token is not fixed";
  }
  if (resolve !== "touch" && resolve !== "at_close") return `no room is resolved by ${resolve}`;
  if (!(createdAt < locksAt && locksAt < settlesAt)) {
    return "betting does not end between the room's creation and its settle time";
  }
  return minPlayers < 1n ? "it needs no players" : settingsProblem(terms);
}

function marketOf(market) {
  try {
    return [parseMarket(market), null];
  } catch (problem) {
    if (!(problem instanceof MarketProblem)) throw problem;
    return [null, problem.message];
  }
}

function settingsProblem({ oracle, confirmations, window, pastPost, grace }) {
  const isShare = (spread) => spread > 0n && spread < UNIT;
  const { coin, token } = oracle;
  if (confirmations < 1n) return "its terms have no number of confirmations";
  if (coin.quorum < 1n || token.quorum < 1n) return "its terms have no quorum";
  if (!isShare(coin.spread) || !isShare(token.spread)) return "its terms have no limit to the spread";
  if (window <= 0n) return "its terms have a time-weighted median without a window";
  return pastPost < 0n || grace < 0n ? "its terms have a period that ends before it begins" : null;
}

/**
 * Fold the published observations as the oracle folded them: the decision and, as `at`, when it
 * was seen; null where they decide nothing. The room must be one that can be derived.
 */
export function decide({ room, observations }) {
  const { terms, resolve } = room;
  const condition = parseMarket(room.market);
  const watch = new Watch(room, terms.confirmations);
  const ticks = new Map();
  for (const { tick, asset, at, price } of observations) {
    if (!ticks.has(tick)) ticks.set(tick, new Map());
    ticks.get(tick).set(asset, { at, price });
  }
  const earlier = new Map();
  const rules = { touch: resolve === "touch", window: terms.window };
  for (const [, observed] of [...ticks].sort((one, other) => order(one[0], other[0]))) {
    const found = lookAt(condition, observed, earlier, rules);
    for (const [asset, point] of observed) {
      if (!earlier.has(asset)) earlier.set(asset, []);
      earlier.get(asset).push(point);
    }
    const decision = found && watch.step(found);
    if (decision) return { ...decision, at: found.at };
  }
  return null;
}

/** Derive every price again, from the quotes, weights and ages that are in the file. */
export function checkObservations(findings, { room, observations }) {
  const kinds = new Map(leavesOf(parseMarket(room.market)).map((leaf) => [leaf.asset, roleOf(leaf)]));
  const known = new Set();
  for (const observation of observations) {
    const { tick, asset, quotes } = observation;
    const [what, role] = [`${asset} at tick ${tick}`, kinds.get(asset)];
    if (!role) findings.note("sources", `${what} is not in the room's market`);
    else if (known.has(what)) findings.note("sources", `${what} is there twice`);
    else {
      const problem = sourcesProblem(quotes, room.terms.oracle.sources, role);
      if (problem) findings.note("sources", `${what}: ${problem}`);
      else checkPrice(findings, room.terms.oracle, observation, role, what);
    }
    known.add(what);
  }
}

function roleOf(leaf) {
  return isToken(leaf) ? "token" : "coin";
}

function sourcesProblem(quotes, sources, role) {
  if (new Set(quotes.map((quote) => quote.source)).size < quotes.length) return "a source is there twice";
  const fitting = role === "coin" ? [role, BOUND] : [role];
  for (const { source, weight, price } of quotes) {
    if (!fitting.includes(sources.get(source)?.role)) return `${source} is no ${role} source of the room`;
    if (weight < 1n || (price !== null && price <= 0n)) {
      return `${source} has a weight or a price that is not positive`;
    }
  }
  const bounds = quotes.filter(({ source }) => sources.get(source).role === BOUND);
  return bounds.length > 1 ? "two sanity bounds" : null;
}

function checkPrice(findings, oracle, observation, role, what) {
  const { quotes, judgedAt } = observation;
  for (const { source, origin, weight } of quotes) {
    const fixed = oracle.sources.get(source);
    findings.expect("sources", `${what}: ${source}'s origin`, origin, fixed.origin);
    findings.expect("sources", `${what}: ${source}'s weight`, weight, fixed.weight);
  }
  const rules = oracle[role];
  const asked = quotes.filter(({ source }) => rules.maxAge.has(source));
  const bound = quotes.find(({ source }) => !rules.maxAge.has(source)) ?? null;
  const again = agree(asked, rules, judgedAt, bound);
  if (again.none) return findings.note("consensus", `${what}: no price, by the rule of ${again.none}`);
  for (const [name, written] of Object.entries(WRITTEN)) {
    findings.expect("consensus", `${what}: ${name}`, written(observation[name]), written(again[name]));
  }
  for (const { source, why, used } of quotes) {
    const gives = again.why.get(source) || "used";
    findings.expect("consensus", `${what}: ${source}`, why || "used", gives);
    findings.expect("consensus", `${what}: ${source} is used`, used, !again.why.has(source));
  }
}

const orNothing = (write) => (value) => (value === null ? null : write(value));
const WRITTEN = {
  price: plainOf,
  at: rfc3339,
  reserve: orNothing(String),
  supply: orNothing(plainOf),
};

/**
 * Check that no consensus stands for two ticks: of each asset every tick was judged later. A
 * token's first is left out: it may have been asked for the room's creation, elsewhere.
 */
export function checkOrder(findings, { room, observations }) {
  const sorted = [...observations].sort((one, other) => order(one.tick, other.tick));
  const kinds = new Map(leavesOf(parseMarket(room.market)).map((leaf) => [leaf.asset, isToken(leaf)]));
  for (const [asset, token] of kinds) {
    const told = sorted.filter((each) => each.asset === asset).slice(token ? 1 : 0);
    told.slice(1).forEach(({ tick, judgedAt }, place) => {
      const before = told[place];
      if (tick > before.tick && judgedAt <= before.judgedAt) {
        findings.note("consensus", `${asset} at tick ${tick} was not judged after tick ${before.tick}`);
      }
    });
  }
}
