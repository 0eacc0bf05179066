// A settled room: outcome, scratches, fees and payouts by docs/spec/pool.md, in one pass over its
// bets. Whatever can be derived is derived again, and then compared with what the file says.

import { checkObservations, checkOrder, decide, roomProblem } from "./decision.js";
import { order } from "./decimals.js";
import { Malformed, canonical, readObject, rfc3339 } from "./fields.js";
import { cutoffOf, feesOf, feesProblem, payoutOf } from "./pool.js";
import { Findings, Signers } from "./records.js";
import { parseBet, parseHead } from "./roomfile.js";
import { checkSettled, payoutEntry } from "./settled.js";
import { Sha256, hex, utf8 } from "./sha2.js";

const ROOM_RULES = {
  "file hash": "the file is the one that its hash names",
  sources: "every quote has the origin and the weight that the room's terms fixed",
  consensus: "every price follows from its quotes",
  trigger: "outcome, trigger, t_hit, t_clear and cutoff follow from the observations",
  reason: "a void has one of the reasons, and the bets that the reason speaks of",
  bets: "every bet is there once, accepted while betting was open",
  scratches: "bets from the cutoff on and unbound ones are not counted, all others are",
  payouts: "every bet was paid what the rules give",
  totals: "handle, winning pool and counts are the sums of the bets",
  fees: "takeout, host fee, protocol fee and breakage follow from the totals",
  conservation: "every lamport staked was paid out, refunded, taken or is breakage",
};
const NOT_DERIVABLE = new Map([
  ["NO_CONSENSUS", "the reason: that no consensus came before the grace period was over"],
  ["ADMIN", "the reason: that two administrators asked for the void"],
]);
const NO_SIGNER = "the signer: a room's file carries no signature";
const UNCHECKED = [
  "which bets a head of the log covered in time: the file only says so",
  "that no quote and no observation was left out of the file",
  "that nobody was shown another file: not anchored in the transparency log",
];
const RECORD = "log record";
const SAME_RECORD = "the public log's record of the room says the same, payouts included";
const NO_ANCHOR_OF_ROOM = "anchor: heads are not written to a public chain yet";
const WITHOUT_DECISION = ["NO_CONSENSUS", "ADMIN", "MIN_PLAYERS"];
const TOO_FEW_PLAYERS = ["MIN_PLAYERS", "TARGET_MET_QUEUING"];
const REASONS = [...WITHOUT_DECISION, ...TOO_FEW_PLAYERS, "NO_WINNER"];
const NO_FEES = { takeout: 0n, hostFee: 0n, protocolFee: 0n };

/**
 * A room's file, line by line: `line` takes each as text, `report` sums up. Malformed, with the
 * line's number, where it is none.
 */
export class Room {
  /** `records` has the log's records that were given, by the room; it is compared with its own. */
  constructor(records = new Map(), signers = new Signers(null)) {
    this.records = records;
    this.signers = signers;
    this.record = null;
    this.written = null;
    this.payouts = [];
    this.hash = new Sha256();
    this.lines = 0;
    this.head = null;
    this.lastRef = "";
    this.sums = { bets: 0n, beforeHit: 0n, scratched: 0n, staked: 0n, paid: 0n, refunded: 0n };
    this.backed = { YES: 0n, NO: 0n };
  }

  line(written) {
    this.lines += 1;
    try {
      const value = readObject(written);
      if (this.head === null) this.open(value);
      else this.take(value);
    } catch (problem) {
      if (!(problem instanceof Malformed)) throw problem;
      throw new Malformed(`line ${this.lines}: ${problem.message}`);
    }
  }

  open(value) {
    const head = parseHead(value);
    this.add(Object.fromEntries(Object.entries(value).filter(([name]) => name !== "file_hash")));
    this.problem = roomProblem(head.room);
    this.decided = this.problem === null ? decide(head) : null;
    const paid = head.outcome !== null && head.winning > 0n && head.winning <= head.handle;
    this.fees = paid ? feesOf(head.handle, head.winning, head.room.terms.fees) : null;
    this.head = head;
    this.written = value;
    this.record = this.records.get(head.room.id) ?? null;
    this.findings = new Findings(this.record ? { ...ROOM_RULES, [RECORD]: SAME_RECORD } : ROOM_RULES);
  }

  add(value) {
    this.hash.update(utf8(`${canonical(value)}\n`));
  }

  take(value) {
    this.add(value);
    const { head, findings } = this;
    const bet = parseBet(value);
    const { ref, stake, acceptedAt } = bet;
    if (order(ref, this.lastRef) <= 0) findings.note("bets", `${ref} is not after ${this.lastRef}`);
    if (stake <= 0n) findings.note("bets", `${ref} staked ${stake}`);
    if (acceptedAt < head.room.createdAt || acceptedAt >= head.room.locksAt) {
      findings.note("bets", `${ref} was accepted while betting was closed`);
    }
    const counted = !bet.unbound && (head.cutoff === null || acceptedAt < head.cutoff);
    findings.expect("scratches", `counted of ${ref}`, bet.counted, counted);
    findings.expect("payouts", `payout of ${ref}`, bet.payout, this.due(bet, counted));
    if (this.record) this.payouts.push(payoutEntry(ref, bet.payout));
    this.lastRef = ref;
    this.sum(bet, counted);
  }

  due({ side, stake }, counted) {
    const { outcome, winning } = this.head;
    if (outcome === null || !counted) return stake;
    return side === outcome && this.fees ? payoutOf(stake, this.fees.net, winning) : 0n;
  }

  sum({ side, stake, payout, acceptedAt }, counted) {
    const { sums, decided } = this;
    const hit = decided?.tHit ?? null;
    sums.bets += 1n;
    sums.beforeHit += hit === null || acceptedAt < hit ? 1n : 0n;
    sums.staked += stake;
    sums[counted ? "paid" : "refunded"] += payout;
    if (counted) this.backed[side] += stake;
    else sums.scratched += 1n;
  }

  report() {
    if (this.head === null) throw new Malformed("it is empty");
    const { findings, head } = this;
    findings.expect("file hash", "it", head.fileHash, hex(this.hash.digest()));
    if (this.problem !== null) findings.note("trigger", this.problem);
    else this.checkDecision();
    this.checkSums();
    const doubt = NOT_DERIVABLE.get(head.reason);
    return findings.report([...(doubt ? [doubt] : []), ...this.checkRecord()]);
  }

  /** Compare with the log's record where that was given; what was not checked. */
  checkRecord() {
    if (!this.record) return [NO_SIGNER, ...UNCHECKED];
    const { findings, record, written: head, payouts, backed, signers } = this;
    checkSettled(findings, RECORD, record, { head, payouts, backed }, signers);
    return [...UNCHECKED.slice(0, 2), NO_ANCHOR_OF_ROOM, ...signers.unchecked];
  }

  checkDecision() {
    const { findings, head } = this;
    checkObservations(findings, head);
    checkOrder(findings, head);
    if (WITHOUT_DECISION.includes(head.reason)) this.expectTimes(null, null);
    else this.checkTrigger();
    const { tHit, tClear, cutoff, room } = head;
    const gives = tHit === null || tClear === null ? null : cutoffOf(tHit, tClear, room.terms.pastPost);
    findings.expect("trigger", "the cutoff", written(cutoff), written(gives));
    this.checkReason();
  }

  checkTrigger() {
    const { findings, head, decided } = this;
    if (!decided) {
      findings.note("trigger", "the observations decide nothing");
      return;
    }
    if (head.reason === null) findings.expect("trigger", "the outcome", head.outcome, decided.outcome);
    findings.expect("trigger", "the trigger", head.trigger, decided.trigger);
    const stands = head.reason === null || head.reason === "NO_WINNER";
    this.expectTimes(stands ? decided.tHit : null, stands ? decided.tClear : null);
    if (decided.at > this.graceOver) {
      findings.note("trigger", `${rfc3339(decided.at)} is after the grace period`);
    }
  }

  expectTimes(tHit, tClear) {
    this.findings.expect("trigger", "t_hit", written(this.head.tHit), written(tHit));
    this.findings.expect("trigger", "t_clear", written(this.head.tClear), written(tClear));
  }

  get graceOver() {
    return this.head.room.settlesAt + this.head.room.terms.grace;
  }

  checkReason() {
    const { findings, head, sums, decided } = this;
    const { reason, outcome } = head;
    const note = (problem) => findings.note("reason", problem);
    if (outcome === null ? !REASONS.includes(reason) : reason !== null) {
      note(`an outcome ${outcome ?? "of nothing"} has no reason ${reason ?? "of nothing"}`);
    }
    if (reason === "NO_WINNER" && decided && this.backed[decided.outcome]) {
      note("somebody backed what came out");
    }
    const players = reason === "MIN_PLAYERS" ? sums.bets : sums.beforeHit;
    const few = players < head.room.minPlayers;
    if (TOO_FEW_PLAYERS.includes(reason) && !few) note(`${players} players are enough`);
    if ((reason === null || reason === "NO_WINNER") && few) {
      note(`${players} players are too few for a decision`);
    }
    if (NOT_DERIVABLE.has(reason) && decided && decided.at <= this.graceOver) {
      note("the observations decide the room in time");
    }
    if (reason === "TARGET_MET_QUEUING") {
      findings.expect("reason", "what came out while queuing", "YES", decided?.outcome ?? null);
    }
  }

  checkSums() {
    const { findings, head, sums, fees, backed } = this;
    const { outcome, room } = head;
    const totals = {
      handle: backed.YES + backed.NO,
      winning: outcome === null ? 0n : backed[outcome],
      scratched: sums.scratched,
      bets: sums.bets,
    };
    for (const [name, gives] of Object.entries(totals)) findings.expect("totals", name, head[name], gives);
    const problem = feesProblem(room.terms.fees);
    findings.expect("fees", "what is wrong with the terms", problem, null);
    for (const name of Object.keys(NO_FEES)) {
      findings.expect("fees", name, head[name], (fees ?? NO_FEES)[name]);
    }
    findings.expect("fees", "breakage", head.breakage, fees ? fees.net - sums.paid : 0n);
    if (outcome !== null && !fees) {
      findings.note("totals", "a room without a stake on its outcome is void");
    }
    const out = sums.paid + sums.refunded + head.hostFee + head.protocolFee + head.breakage;
    if (out !== sums.staked) {
      findings.note("conservation", `${sums.staked} lamports staked are not what came out`);
    }
  }
}

function written(time) {
  return time === null ? null : rfc3339(time);
}
