// A bet: its place in the log, and its receipt.

import { checkBound, checkReceipt, parseBinding } from "./binding.js";
import { Malformed, amount, exactInstant, octets, optional, requireNames, table, text } from "./fields.js";
import { Findings, parseReceipt } from "./records.js";
import { betEntry } from "./ticket.js";

const BET_RULES = {
  binding: "its entry is under a record of the log, whose head came after it was accepted",
  receipt: "the house signed for this very bet when it was placed",
};

/** Read a bet's proof (docs/spec/verification.md, section 7). */
export function parseBetProof(value) {
  requireNames(value, ["ref", "room", "side", "stake", "accepted_at", "binding", "receipt"]);
  if (!["YES", "NO"].includes(text(value, "side"))) throw new Malformed('"side" is not YES or NO');
  if (!/^[0-9]+$/.test(text(value, "room"))) throw new Malformed('"room" is not the id of a room');
  return {
    ref: octets(value, "ref", 16),
    room: value.room,
    side: value.side,
    stake: amount(value, "stake"),
    acceptedAt: exactInstant(value, "accepted_at"),
    binding: optional((fields, name) => parseBinding(table(fields, name)), value, "binding"),
    receipt: optional((fields, name) => parseReceipt(table(fields, name)), value, "receipt"),
  };
}

/** Check where a bet stands in the log, and its receipt. */
export function verifyBet(proof, signers) {
  const { binding, receipt, acceptedAt } = proof;
  const rules = { ...BET_RULES };
  if (!receipt) delete rules.receipt;
  const findings = new Findings(rules);
  const entry = entryOfBet(proof);
  if (!entry) findings.note("binding", "no bet has this stake");
  else if (binding) checkBound(findings, "binding", "bet", entry, binding, acceptedAt, signers);
  if (receipt) checkReceipt(findings, "receipt", "bet", receipt, entry, signers);
  const unchecked = [
    ...(binding ? [] : ["where the bet stands in the log is missing"]),
    ...(receipt ? [] : ["the receipt: none was given"]),
    "what it was paid: its room's file says so, under this reference",
    "anchor: heads are not written to a public chain yet",
    ...signers.unchecked,
  ];
  return findings.report(unchecked, binding ? "verified" : "cannot_check");
}

/** The bet as the log has it; null for what cannot be a bet. */
function entryOfBet({ ref, acceptedAt, stake, side, room }) {
  if (stake < 1n || stake >= 2n ** 64n || acceptedAt < 0n) return null;
  return betEntry(ref, acceptedAt, stake, side === "YES", room);
}
