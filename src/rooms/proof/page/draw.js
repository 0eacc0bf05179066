// How a round is drawn (docs/spec/fairness.md, sections 1 to 3): the chain of seeds, the beacon
// that a round takes, and the draw that follows from both.

import { Malformed, octets, requireNames, table, text, whole } from "./fields.js";
import { Hmac, hex, joined, sha256, unhex, utf8 } from "./sha2.js";

const MOST_LINKS = 10_000_000n;
const SPAN = 2 ** 32;
const HASHES = ["terminal", "paytable_hash"];
const WHOLES = [
  "chain", "length", "first_round", "epoch_ms", "interval_ms", "lead_ms", "guard_ms", "numbers",
  "drawn",
];
export const TERMS = ["game", "entropy", ...HASHES, ...WHOLES];
const SCHEME = "bls-unchained-g1-rfc9380";
// The sandbox's own chain, whose secret key is published.
const SANDBOX = "drand:ec06780d537c7d59948b604bd8f6f0d1024b5a7a6ef565841ac2718d313be89a";

/** Draw numbers in their order. `seed` is bytes, `round` a BigInt, `entropy` hex or empty. */
export function draw(seed, game, round, entropy, of = 80, drawn = 20) {
  const message = `rooms/draw/1|${game}|${round}|${entropy}|`;
  const hmac = new Hmac(seed);
  const words = [];
  let block = 0;
  const nextWord = () => {
    if (!words.length) words.push(...wordsOf(hmac.digest(utf8(message + block++))));
    return words.shift();
  };
  const left = Array.from({ length: of }, (_, place) => place + 1);
  for (let j = 0; j < drawn; j += 1) {
    const n = of - j;
    // Words above the last whole multiple of n would favour the low remainders.
    const fair = SPAN - (SPAN % n);
    let word = nextWord();
    while (word >= fair) word = nextWord();
    const i = j + (word % n);
    [left[j], left[i]] = [left[i], left[j]];
  }
  return left.slice(0, drawn);
}

function wordsOf(block) {
  const view = new DataView(block.buffer);
  return [0, 4, 8, 12, 16, 20, 24, 28].map((at) => view.getUint32(at));
}

/** What is shown before a round opens. */
export function commitOf(seed) {
  return hex(sha256(seed));
}

/** How many picks were drawn. */
export function catches(picks, drawn) {
  return picks.filter((pick) => drawn.includes(pick)).length;
}

/** The terms of a chain out of its record: whole numbers are BigInt, hashes hex. */
export function parseTerms(record) {
  const terms = { game: text(record, "game"), entropy: text(record, "entropy") };
  for (const name of HASHES) terms[name] = octets(record, name, 32);
  for (const name of WHOLES) terms[name] = whole(record, name);
  const problem = termsProblem(terms);
  if (problem) throw new Malformed(problem);
  return { ...terms, last_round: terms.first_round + terms.length - 1n };
}

function termsProblem(terms) {
  const possible = {
    "its game has no proper name": /^[a-z0-9-]{1,32}$/.test(terms.game),
    "it has no links, or too many": terms.length >= 1n && terms.length <= MOST_LINKS,
    "its numbering is negative": terms.chain >= 0n && terms.first_round >= 0n && terms.epoch_ms >= 0n,
    "its rounds have no time to be open": terms.lead_ms >= 0n && terms.lead_ms < terms.interval_ms,
    "its guard is negative": terms.guard_ms >= 0n,
    "it draws more numbers than there are": terms.drawn >= 1n && terms.drawn <= terms.numbers,
    "it has too many numbers": terms.numbers <= 1000n,
    "its entropy is neither a drand chain nor none": /^(?:none|drand:[0-9a-f]{64})$/.test(terms.entropy),
  };
  return Object.keys(possible).find((problem) => !possible[problem]);
}

/** When a round opens, in Unix milliseconds. */
export function slot(terms, number) {
  return terms.epoch_ms + (number - terms.first_round) * terms.interval_ms;
}

export function locksAt(terms, number) {
  return slot(terms, number) + terms.interval_ms - terms.lead_ms;
}

/** A drand chain out of what its mirrors answer, with nothing beside it. */
export function parseInfo(value) {
  if (text(value, "schemeID") !== SCHEME) throw new Malformed(`the chain's scheme is not ${SCHEME}`);
  const metadata = table(value, "metadata");
  const chain = {
    publicKey: octets(value, "public_key", 96),
    period: whole(value, "period"),
    genesis: whole(value, "genesis_time"),
    groupHash: octets(value, "groupHash", 32),
    beaconId: text(metadata, "beaconID"),
  };
  if (chain.period < 1n || chain.period > 3600n || chain.genesis < 0n || chain.genesis >= 2n ** 62n) {
    throw new Malformed("the chain's period or genesis is beyond reason");
  }
  const hash = drandHash(chain);
  if (hash !== text(value, "hash")) throw new Malformed("the chain is not the one of its hash");
  const names = ["public_key", "period", "genesis_time", "hash", "groupHash", "schemeID", "metadata"];
  requireNames(value, names);
  requireNames(metadata, ["beaconID"]);
  return { ...chain, entropy: `drand:${hash}`, isSandbox: `drand:${hash}` === SANDBOX };
}

function drandHash({ publicKey, period, genesis, groupHash, beaconId }) {
  const times = new DataView(new ArrayBuffer(12));
  times.setUint32(0, Number(period));
  times.setBigInt64(4, genesis);
  const named = utf8(beaconId === "default" ? "" : beaconId);
  const parts = [new Uint8Array(times.buffer), unhex(publicKey), unhex(groupHash), named];
  return hex(sha256(joined(...parts)));
}

/** A beacon out of its round and signature: {round, signature, entropy}. */
export function parseBeacon(value) {
  const signature = octets(value, "signature", 48);
  const round = whole(value, "round");
  if (round < 1n || round >= 2n ** 63n) throw new Malformed("there is no beacon of that round");
  return { round, signature, entropy: hex(sha256(unhex(signature))) };
}

/** R(n): the first beacon later than a scheduled lock and its guard, both in milliseconds. */
export function roundAfter(drand, locksAtMs, guardMs) {
  const since = locksAtMs + guardMs - 1000n * drand.genesis;
  const period = 1000n * drand.period;
  // BigInt division goes toward zero; the rule wants the floor.
  const floor = since / period - (since % period < 0n ? 1n : 0n);
  return floor + 2n;
}

/** Which beacon a round takes. */
export function beaconDue(terms, drand, number) {
  return roundAfter(drand, locksAt(terms, number), terms.guard_ms);
}

/** time(R) of a beacon, in Unix seconds. */
export function appearsAt(drand, beaconRound) {
  return drand.genesis + drand.period * (beaconRound - 1n);
}

/** time(R) of a round in Unix milliseconds, from when on its draw can be known; null if untold. */
export function knownFrom(terms, drand, number) {
  if (terms.entropy === "none") return locksAt(terms, number) + terms.guard_ms;
  return drand && 1000n * appearsAt(drand, beaconDue(terms, drand, number));
}

/** The entropy of a round's draw; null where its beacon is missing. */
export function entropyOf(terms, beacon) {
  if (terms.entropy === "none") return "";
  return beacon && beacon.entropy;
}
