// The file of a settled room, read: docs/spec/pool.md, section 11.

import { decimal, flag, lamports, millis } from "./decimals.js";
import { Malformed, instant, optional, table, tables, text, whole } from "./fields.js";
import { parseObservation } from "./prices.js";

/** Read a room file's first line. */
export function parseHead(value) {
  return {
    fileHash: text(value, "file_hash"),
    room: parseRoom(table(value, "room")),
    outcome: optional(side, value, "outcome"),
    reason: optional(text, value, "reason"),
    trigger: optional(text, value, "trigger"),
    tHit: optional(instant, value, "t_hit"),
    tClear: optional(instant, value, "t_clear"),
    cutoff: optional(instant, value, "cutoff"),
    observations: tables(value, "observations").map(parseObservation),
    handle: lamports(value, "handle"),
    winning: lamports(value, "winning"),
    takeout: lamports(value, "takeout"),
    hostFee: lamports(value, "host_fee"),
    protocolFee: lamports(value, "protocol_fee"),
    breakage: lamports(value, "breakage"),
    scratched: whole(value, "scratched"),
    bets: whole(value, "bets_count"),
  };
}

/** Read the line of a bet. */
export function parseBet(value) {
  return {
    ref: text(value, "ref"),
    side: side(value, "side"),
    stake: lamports(value, "stake"),
    acceptedAt: instant(value, "accepted_at"),
    counted: flag(value, "counted"),
    payout: lamports(value, "payout"),
    unbound: optional(flag, value, "unbound") ?? false,
  };
}

function parseRoom(value) {
  text(value, "host_id");
  return {
    id: text(value, "id"),
    title: text(value, "title"),
    market: table(value, "market"),
    resolve: text(value, "resolve"),
    minPlayers: whole(value, "min_players"),
    createdAt: instant(value, "created_at"),
    locksAt: instant(value, "locks_at"),
    settlesAt: instant(value, "settles_at"),
    terms: parseRoomTerms(table(value, "terms")),
  };
}

function parseRoomTerms(value) {
  const levels = value.reward_bps;
  if (!Array.isArray(levels) || levels.some((level) => typeof level !== "bigint")) {
    throw new Malformed('"reward_bps" is not a list of whole numbers');
  }
  return {
    fees: {
      protocolBps: whole(value, "protocol_bps"),
      hostBps: whole(value, "host_bps"),
      rewardBps: levels,
    },
    pastPost: millis(value, "past_post_ms"),
    grace: millis(value, "settle_grace_ms"),
    confirmations: whole(value, "confirmations"),
    window: millis(value, "token_window_ms"),
    oracle: parseOracle(table(value, "oracle")),
  };
}

function parseOracle(value) {
  const sources = table(value, "sources");
  const read = Object.keys(sources).map((name) => [name, parseSource(table(sources, name))]);
  const [coin, token] = ["coin", "token"].map((role) => ({
    quorum: whole(value, `quorum_${role}`),
    spread: decimal(value, `spread_${role}`),
    maxAge: new Map(read.filter(([, each]) => each.role === role).map(([name, each]) => [name, each.maxAge])),
  }));
  return { coin, token, sources: new Map(read) };
}

function parseSource(value) {
  return {
    weight: whole(value, "weight"),
    origin: text(value, "origin"),
    maxAge: millis(value, "max_age_ms"),
    role: text(value, "role"),
  };
}

function side(value, name) {
  const found = text(value, name);
  if (found !== "YES" && found !== "NO") throw new Malformed(`"${name}" is not YES or NO`);
  return found;
}
