// A room's record in the log beside its file: `room.settled` of docs/spec/fairness.md, section 5.

import { canonical } from "./fields.js";
import { rootOf } from "./merkle.js";
import { checkLeaf, readRecord, readable, unlessUnreadable } from "./records.js";
import { hex, joined, sha256, unhex, utf8 } from "./sha2.js";

const COPIED = ["outcome", "reason", "trigger", "t_hit"];
const SUMS = ["takeout", "host_fee", "protocol_fee", "breakage", "scratched"];
const DERIVED = ["room", "observations_hash", "bets", "handle_yes", "handle_no", "payouts_root"];
const RECORDED = [...COPIED, ...SUMS, ...DERIVED];

/** What the log says of a room; Malformed where the leaf is no such record. */
export function settledOf(leaf) {
  return readRecord(leaf.entry, "room.settled", RECORDED);
}

/** Compare the log's record with a file: `head` as it is written, its bets' payouts and stakes. */
export function checkSettled(findings, rule, leaf, { head, payouts, backed }, signers) {
  const record = unlessUnreadable(() =>
    readable(findings, rule, () => {
      const said = settledOf(leaf);
      checkLeaf(findings, rule, "the record", leaf, signers);
      return said;
    }),
  );
  if (!record) return;
  const gives = {
    ...Object.fromEntries([...COPIED, ...SUMS].map((name) => [name, head[name]])),
    room: head.room.id,
    observations_hash: hex(sha256(utf8(canonical(head.observations)))),
    bets: head.bets_count,
    handle_yes: String(backed.YES),
    handle_no: String(backed.NO),
    payouts_root: rootOf(payouts),
  };
  for (const name of RECORDED) findings.expect(rule, `"${name}"`, record[name], gives[name]);
}

/** What a bet was paid, as a leaf of the record's root; what cannot be a bet is no leaf of any. */
export function payoutEntry(ref, payout) {
  if (!/^[0-9a-f]{32}$/.test(ref) || payout < 0n || payout >= 2n ** 64n) return new Uint8Array();
  return joined(unhex(ref), unhex(payout.toString(16).padStart(16, "0")));
}
