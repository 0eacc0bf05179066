// A day of rounds: every commit, link, draw and prize, in one pass over the lines. Each seed is
// hashed down to the one before it, so that a day costs as many links as it has rounds.

import { beaconDue, catches, commitOf, entropyOf, parseBeacon, parseInfo, slot } from "./draw.js";
import { Malformed, amount, date, numbers, octets, optional, readObject } from "./fields.js";
import { requireNames, table, tables, text, whole } from "./fields.js";
import { Findings, parseLeaf, prizeOf, readPaytable, readSkipped, readVoid } from "./records.js";
import { unlessUnreadable } from "./records.js";
import { NO_ANCHOR, drawOf, readChain } from "./round.js";
import { Sha256, hex, unhex, utf8, walk } from "./sha2.js";

const FILE = "file";
const ROUNDS = "rounds";
const SEEDS = "(a) seeds";
const CHAINS = "(b) chains";
const BEACONS = "(c) beacons";
const DRAWS = "(d) draws";
const PRIZES = "(e) prizes";
const ENDS = "voids and skips";
const DAY_RULES = {
  [FILE]: "whole: its last line is the hash of all lines before it",
  [ROUNDS]: "every round of the day is there, in order, with one fate",
  [SEEDS]: "each hashes to the one before it, the first to the terminal, and all to their commits",
  [CHAINS]: "chains and paytables are in the log, recorded before their first rounds opened",
  [BEACONS]: "each is the first one after its round's lock and guard",
  [DRAWS]: "the numbers that seed, game, round and entropy give",
  [PRIZES]: "what the paytable gives for each ticket, or the stake back",
  [ENDS]: "recorded in the log, and about these rounds",
};
const LAST_LINE = utf8('{"sha256":');
const DAY_MS = 86_400_000n;

/** Read a day's first line (docs/spec/verification.md, section 4). */
export function parseDayHead(value) {
  const lists = ["chains", "paytables", "voids", "skipped"];
  requireNames(value, ["game", "date", "rounds", "drand", ...lists]);
  const head = { game: text(value, "game"), begins: date(value, "date"), date: value.date };
  head.rounds = whole(value, "rounds");
  head.drand = tables(value, "drand").map(parseInfo);
  for (const name of lists) head[name] = tables(value, name).map(parseLeaf);
  return head;
}

function parseDayRound(value) {
  requireNames(value, ["round", "commit", "server_seed", "beacon", "draw", "tickets"]);
  return {
    number: whole(value, "round"),
    commit: octets(value, "commit", 32),
    seed: optional(octets, value, "server_seed", 32),
    beacon: optional((fields, name) => dayBeacon(table(fields, name)), value, "beacon"),
    draw: optional(numbers, value, "draw"),
    tickets: tables(value, "tickets").map(dayTicket),
  };
}

function dayBeacon(value) {
  requireNames(value, ["round", "signature"]);
  return parseBeacon(value);
}

function dayTicket(value) {
  requireNames(value, ["ref", "picks", "stake", "prize", "refund"]);
  return {
    ref: octets(value, "ref", 16),
    picks: numbers(value, "picks"),
    stake: amount(value, "stake"),
    prize: optional(amount, value, "prize"),
    refund: optional(text, value, "refund"),
  };
}

/**
 * A day's file, line by line: `line` takes each as bytes with its end, `report` sums up.
 * Malformed, with the line's number, where it is none.
 */
export class Day {
  constructor(signers) {
    this.signers = signers;
    this.findings = new Findings(DAY_RULES);
    this.hash = new Sha256();
    this.ended = false;
    this.lines = 0;
    this.head = null;
    this.taken = 0n;
    this.last = null;
    this.chain = null;
    this.below = [0n, ""];
    this.voided = new Set();
    this.unrevealed = 0;
    this.beacons = new Map();
  }

  line(bytes) {
    if (this.ended) this.findings.note(FILE, "there is more after its last line");
    if (LAST_LINE.every((byte, place) => bytes[place] === byte)) {
      const gives = `{"sha256":"${hex(this.hash.copy().digest())}"}\n`;
      this.findings.expect(FILE, "its last line", latin1(bytes), gives);
      this.ended = true;
      return;
    }
    this.hash.update(bytes);
    this.lines += 1;
    if (this.head === null) this.open(this.read(bytes, parseDayHead));
    else this.take(this.read(bytes, parseDayRound));
  }

  read(bytes, parse) {
    try {
      return parse(readObject(textOf(bytes)));
    } catch (problem) {
      if (!(problem instanceof Malformed)) throw problem;
      throw new Malformed(`line ${this.lines}: ${problem.message}`);
    }
  }

  /** Read what the day's rounds stand on out of the log's records. */
  open(head) {
    this.head = head;
    const read = (leaves, rule, reader) =>
      leaves
        .map((leaf) => unlessUnreadable(() => reader(this.findings, rule, leaf, this.signers)))
        .filter((found) => found !== null);
    this.chains = read(head.chains, CHAINS, readChain);
    const paytables = read(head.paytables, CHAINS, readPaytable);
    const voids = read(head.voids, ENDS, readVoid).filter(({ game }) => game === head.game);
    this.skipped = read(head.skipped, ENDS, readSkipped);
    this.paytables = new Map(paytables.map((paytable) => [paytable.hash, paytable]));
    this.voids = new Map(voids.map((record) => [record.round, record]));
    this.drand = new Map(head.drand.map((each) => [each.entropy, each]));
    this.checkGround();
  }

  checkGround() {
    const { game, voids } = this.head;
    const inOrder = this.chains.every(
      (terms, place) => place === 0 || this.chains[place - 1].first_round < terms.first_round,
    );
    if (!inOrder || this.chains.some((terms) => terms.game !== game)) {
      this.findings.note(CHAINS, `they are not the chains of ${game} in order`);
    }
    if (this.voids.size < voids.length) {
      this.findings.note(ENDS, `the voids are not of ${game}, each once`);
    }
    if (this.skipped.some((stretch) => stretch.game !== game)) {
      this.findings.note(ENDS, `the rounds that were skipped are not of ${game}`);
    }
  }

  /** Check the next round. */
  take(each) {
    const terms = this.place(each.number);
    if (!terms) return;
    this.checkSeed(each, terms);
    this.checkBeacon(each, terms);
    this.checkDraw(each, terms);
    this.checkFate(each);
    for (const ticket of each.tickets) this.checkTicket(each, ticket, terms);
  }

  /** Find a round's chain; note where it does not follow the one before it. */
  place(number) {
    this.taken += 1n;
    if (this.last !== null && number !== this.last + 1n) {
      this.findings.note(ROUNDS, `round ${number} follows ${this.last}`);
    }
    const terms = this.chainOf(number);
    if (!terms) {
      this.findings.note(CHAINS, `round ${number} is in none of them`);
    } else if (terms !== this.chain) {
      this.chain = terms;
      this.below = [0n, terms.terminal];
    }
    if (this.last === null && terms) this.checkFirst(number, terms);
    this.last = number;
    return terms;
  }

  /** The chain that a round belongs to: the one that began last before it. */
  chainOf(number) {
    const terms = this.chains.findLast((each) => each.first_round <= number);
    return terms && number <= terms.last_round ? terms : null;
  }

  checkFirst(number, terms) {
    const { begins } = this.head;
    if (slot(terms, number) < begins) {
      this.findings.note(ROUNDS, `round ${number} opened before the day`);
    }
    const earlier = terms.first_round < number || terms.chain > 1n;
    if (earlier && slot(terms, number) - terms.interval_ms >= begins) {
      this.findings.note(ROUNDS, `the day has rounds before round ${number}`);
    }
  }

  checkSeed(each, terms) {
    if (!each.seed) return;
    const seed = unhex(each.seed);
    if (commitOf(seed) !== each.commit) {
      this.findings.note(SEEDS, `round ${each.number}: the seed is not the commit's`);
    }
    const link = each.number - terms.first_round + 1n;
    const [known, below] = this.below;
    if (hex(walk(seed, Number(link - known))) === below) {
      this.below = [link, each.seed];
    } else {
      this.findings.note(SEEDS, `round ${each.number}: the seed is not of the chain`);
    }
  }

  checkBeacon({ number, beacon, draw }, terms) {
    const drand = this.drand.get(terms.entropy);
    if (!beacon) {
      if (draw && terms.entropy !== "none") this.findings.note(BEACONS, `round ${number} has none`);
      return;
    }
    if (!drand) {
      this.findings.note(BEACONS, `round ${number}: the drand chain is not told`);
      return;
    }
    this.findings.expect(BEACONS, `round ${number}`, beacon.round, beaconDue(terms, drand, number));
    // Only the last of a chain may come again.
    const last = this.beacons.get(terms.entropy);
    if (last?.round === beacon.round && last.signature !== beacon.signature) {
      this.findings.note(BEACONS, `round ${number}: beacon ${beacon.round} is there twice`);
    } else {
      this.beacons.set(terms.entropy, beacon);
    }
  }

  checkDraw({ number, seed, beacon, draw }, terms) {
    const entropy = entropyOf(terms, beacon);
    if (!draw || !seed || entropy === null) return;
    const gives = drawOf(seed, terms, number, entropy);
    const same = gives.length === draw.length && gives.every((each, place) => each === draw[place]);
    if (!same) this.findings.expect(DRAWS, `round ${number}`, draw, gives);
  }

  /** Check that a round was drawn, is void, was skipped, or is not shown yet; one of these. */
  checkFate({ number, seed, draw }) {
    const record = this.voids.get(number);
    const skipped = this.skipped.some(({ first, last }) => first <= number && number <= last);
    const fates = (draw ? 1 : 0) + (record ? 1 : 0) + (skipped ? 1 : 0);
    if (fates > 1) this.findings.note(ROUNDS, `round ${number} has more than one fate`);
    if (draw && !seed) this.findings.note(ROUNDS, `round ${number} has a draw and no seed`);
    if (fates === 0) {
      this.unrevealed += 1;
      if (seed) this.findings.note(ROUNDS, `round ${number} has a seed and no fate`);
    }
    if (record) {
      this.voided.add(number);
      this.findings.expect(ENDS, `round ${number}: the seed of its void`, record.server_seed, seed);
    }
  }

  checkTicket(each, ticket, terms) {
    const what = `round ${each.number}, ticket ${ticket.ref}`;
    const isVoid = this.voided.has(each.number);
    if (ticket.refund !== null) {
      if (![isVoid ? "VOID" : "LATE_BINDING", "CANCELLED"].includes(ticket.refund)) {
        this.findings.note(PRIZES, `${what}: no stake goes back for ${ticket.refund}`);
      }
      this.findings.expect(PRIZES, what, ticket.prize, ticket.stake);
    } else if (isVoid) {
      this.findings.note(PRIZES, `${what}: the round is void, the stake did not go back`);
    } else if (!each.draw) {
      if (ticket.prize !== null) this.findings.note(PRIZES, `${what}: a prize without a draw`);
    } else {
      this.checkPrize(what, ticket, each.draw, terms);
    }
  }

  checkPrize(what, { picks, stake, prize }, drawn, terms) {
    const paytable = this.paytables.get(terms.paytable_hash);
    const gives = paytable ? prizeOf(paytable, stake, picks.length, catches(picks, drawn)) : null;
    if (gives === null) {
      this.findings.note(PRIZES, `${what}: its paytable has no prizes for ${picks.length} spots`);
    } else {
      this.findings.expect(PRIZES, what, prize, gives);
    }
  }

  /** Check what only the whole file shows, and sum up. */
  report() {
    if (this.head === null) throw new Malformed("line 1: it is not JSON");
    if (!this.ended) this.findings.note(FILE, "its last line is missing");
    this.findings.expect(ROUNDS, "their number", this.head.rounds, this.taken);
    for (const number of this.voids.keys()) {
      if (!this.voided.has(number)) {
        this.findings.note(ENDS, `round ${number} is void and not in the file`);
      }
    }
    return this.findings.report([...this.unchecked(), ...this.signers.unchecked]);
  }

  unchecked() {
    const listed = ["(c) the signatures of beacons: a round's own file shows it for one, or `rooms verify day --beacons`"];
    if (this.head.drand.some(({ isSandbox }) => isSandbox)) {
      listed.push("(c) the beacons' worth: the sandbox's secret key is one that everybody may know");
    }
    listed.push(NO_ANCHOR);
    listed.push("(f) that each ticket was in the log in time: a ticket's own file shows it for one");
    listed.push("that no ticket is left out: the records of what was accepted show it");
    if (this.unrevealed) listed.push(`${this.unrevealed} rounds that are not drawn yet`);
    if (this.chain && this.last !== null) {
      const ends = slot(this.chain, this.last) + this.chain.interval_ms;
      if (ends < this.head.begins + DAY_MS) listed.push(`rounds of this day after round ${this.last}`);
    }
    return listed;
  }
}

function latin1(bytes) {
  return String.fromCharCode(...bytes.subarray(0, 200));
}

const decoder = new TextDecoder("utf-8", { fatal: true });

/** Read UTF-8; Malformed for anything else. */
export function textOf(bytes) {
  try {
    return decoder.decode(bytes);
  } catch {
    throw new Malformed("it is not JSON");
  }
}
