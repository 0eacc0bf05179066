// A ticket: its prize, its place in the log and its receipt, on top of its round.

import { checkBound, checkReceipt, parseBinding } from "./binding.js";
import { catches, knownFrom } from "./draw.js";
import { amount, exactInstant, numbers, octets, optional, requireNames } from "./fields.js";
import { rfc3339, table, text } from "./fields.js";
import { Findings, parseReceipt, prizeOf, unlessMalformed } from "./records.js";
import { NO_ANCHOR, checkRound, missingOf, parseRound, rulesOf, verdictOf } from "./round.js";
import { joined, unhex, utf8 } from "./sha2.js";

const PRIZE = "(e) prize";
const BINDING = "(f) binding";
const RECEIPT = "receipt";
const REFUNDS = ["LATE_BINDING", "VOID", "CANCELLED"];
const TICKET_RULES = {
  [PRIZE]: "what the paytable gives for the numbers that were drawn, or the stake back",
  [BINDING]: "its entry is under a record whose head was signed before the draw could be known",
  [RECEIPT]: "the house signed for this very ticket when it was bought",
};

/** Read a ticket's proof (docs/spec/verification.md, section 3). */
export function parseTicket(value) {
  requireNames(value, [
    "ref", "picks", "stake", "accepted_at", "prize", "refund", "binding", "receipt", "round",
  ]);
  return {
    ref: octets(value, "ref", 16),
    picks: numbers(value, "picks"),
    stake: amount(value, "stake"),
    acceptedAt: exactInstant(value, "accepted_at"),
    prize: optional(amount, value, "prize"),
    refund: optional(text, value, "refund"),
    binding: optional((fields, name) => parseBinding(table(fields, name)), value, "binding"),
    receipt: optional((fields, name) => parseReceipt(table(fields, name)), value, "receipt"),
    round: parseRound(table(value, "round")),
  };
}

/** Check a ticket and its round. */
export function verifyTicket(proof, signers) {
  const rules = { ...rulesOf(proof.round), ...TICKET_RULES };
  if (!proof.receipt) delete rules[RECEIPT];
  const findings = new Findings(rules);
  const checked = checkRound(findings, proof.round, signers);
  if (!checked) {
    for (const rule of [PRIZE, BINDING]) findings.note(rule, "not reached");
    return findings.report(signers.unchecked);
  }
  const entry = entryOf(proof);
  checkBinding(findings, proof, entry, checked.terms, signers);
  checkPrize(findings, proof, checked.paytable);
  if (proof.receipt) checkReceipt(findings, RECEIPT, "ticket", proof.receipt, entry, signers);
  const missing = [...missingOf(proof.round, checked.terms), ...missingOfTicket(proof)];
  const listed = uncheckedOfTicket(proof, checked.terms, signers);
  return findings.report([...missing, ...signers.unchecked, ...listed], verdict(proof, missing));
}

function verdict(proof, missing) {
  if (proof.refund === "CANCELLED" && !missing.length) return "verified";
  const found = verdictOf(proof.round, missing);
  return missing.length && found === "verified" ? "cannot_check" : found;
}

function missingOfTicket(proof) {
  const missing = [];
  if (!proof.binding && proof.refund === null) {
    missing.push("where the ticket stands in the log is missing");
  }
  if (proof.prize === null && proof.round.draw) missing.push("the prize is missing");
  return missing;
}

/** The ticket as the log has it; null for what cannot be a ticket. */
function entryOf({ ref, acceptedAt, stake, picks, round: { number, game } }) {
  const good = /^[\x00-\x7f]*$/.test(game) && picks.every((pick) => pick <= 80);
  if (!good || [acceptedAt, stake, number].some((each) => each < 0n || each >= 2n ** 64n)) return null;
  return ticketEntry(ref, acceptedAt, stake, number, picks, game);
}

/** An accepted ticket in binary (docs/spec/fairness.md, section 5). */
export function ticketEntry(ref, acceptedAt, stake, round, picks, game) {
  const bits = picks.reduce((sum, pick) => sum | (1n << (BigInt(pick) - 1n)), 0n);
  const words = [acceptedAt, stake, round].map((each) => integer(each, 8));
  return joined(Uint8Array.of(1), unhex(ref), ...words, integer(bits, 10), utf8(game));
}

/** An accepted bet in binary. */
export function betEntry(ref, acceptedAt, stake, yes, room) {
  const words = [integer(acceptedAt, 8), integer(stake, 8), Uint8Array.of(yes ? 1 : 0)];
  return joined(Uint8Array.of(2), unhex(ref), ...words, utf8(room));
}

/** A number in so many bytes, big-endian. */
function integer(number, length) {
  return unhex(BigInt(number).toString(16).padStart(2 * length, "0"));
}

function checkBinding(findings, proof, entry, terms, signers) {
  const bound = proof.binding;
  if (!entry) findings.note(BINDING, "no ticket has these picks or this stake");
  if (!bound || !entry) return;
  const record = checkBound(findings, BINDING, "ticket", entry, bound, proof.acceptedAt, signers);
  if (!record) return;
  const known = knownFrom(terms, proof.round.drand, proof.round.number);
  if (known === null) return;
  const signed = `its head was signed at ${rfc3339(record.at)}`;
  if (record.at >= known && proof.refund === null) findings.note(BINDING, `${signed}, too late`);
  if (record.at < known && proof.refund === "LATE_BINDING") findings.note(BINDING, `${signed}, in time`);
}

function checkPrize(findings, proof, paytable) {
  if (proof.refund !== null) {
    checkRefund(findings, proof);
    return;
  }
  if (proof.round.void) findings.note(PRIZE, "the round is void, and the stake did not go back");
  if (proof.prize === null || !proof.round.draw) {
    if (proof.prize !== null) findings.note(PRIZE, "there is a prize without a draw");
    return;
  }
  const spots = proof.picks.length;
  const caught = catches(proof.picks, proof.round.draw);
  const gives = prizeOf(paytable, proof.stake, spots, caught);
  if (gives === null) {
    findings.note(PRIZE, `the paytable has no prizes for ${spots} spots`);
  } else {
    findings.expect(PRIZE, `${caught} of ${spots} caught: it`, proof.prize, gives);
  }
}

function checkRefund(findings, proof) {
  const { refund } = proof;
  if (!REFUNDS.includes(refund)) findings.note(PRIZE, `no stake goes back for ${refund}`);
  if (Boolean(proof.round.void) !== (refund === "VOID") && refund !== "CANCELLED") {
    findings.note(PRIZE, `${refund} does not fit what became of the round`);
  }
  findings.expect(PRIZE, "what went back", proof.prize, proof.stake);
}

function uncheckedOfTicket(proof, terms, signers) {
  const listed = [];
  if (!proof.receipt) listed.push("the receipt: none was given");
  if (proof.refund === "CANCELLED") listed.push("that the player cancelled: only the player knows");
  listed.push(NO_ANCHOR);
  const known = knownFrom(terms, proof.round.drand, proof.round.number);
  const note = proof.binding?.accepted.note;
  const witnessed = note === undefined ? null : unlessMalformed(() => signers.witnessed(note));
  if (known === null || witnessed === null || 1000n * witnessed >= known) {
    listed.push("(g) tickets bound by the operator's clock only");
  }
  return listed;
}
