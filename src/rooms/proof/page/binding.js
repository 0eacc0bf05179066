// Where a bet or a ticket stands in the log: its place under an `accepted` record, and its receipt.

import { octets, requireNames, table, whole } from "./fields.js";
import { isReceiptOf, leafHash, rootByInclusion } from "./merkle.js";
import { checkLeaf, parseLeaf, parsePath, readRecord, readable, unlessUnreadable } from "./records.js";
import { hex } from "./sha2.js";

export function parseBinding(value) {
  requireNames(value, ["index", "size", "path", "accepted"]);
  return {
    index: whole(value, "index"),
    size: whole(value, "size"),
    path: parsePath(value),
    accepted: parseLeaf(table(value, "accepted")),
  };
}

/** Check that an entry is under its record; the record, or null where it cannot be read. */
export function checkBound(findings, rule, what, entry, bound, acceptedAt, signers) {
  const record = unlessUnreadable(() => readAccepted(findings, rule, bound, signers));
  if (!record) return null;
  findings.expect(rule, "its batch", bound.size, record.count);
  if (rootByInclusion(leafHash(entry), bound.index, bound.size, bound.path) !== record.root) {
    findings.note(rule, `the ${what}'s entry is not under the record's root`);
  }
  if (record.at < acceptedAt) findings.note(rule, `the record is older than the ${what}`);
  return record;
}

function readAccepted(findings, rule, bound, signers) {
  return readable(findings, rule, () => {
    const record = readRecord(bound.accepted.entry, "accepted", ["count", "root"]);
    whole(record, "count");
    octets(record, "root", 32);
    checkLeaf(findings, rule, "the record", bound.accepted, signers);
    return record;
  });
}

export function checkReceipt(findings, rule, what, receipt, entry, signers) {
  if (!entry || receipt.entry !== hex(entry)) findings.note(rule, `it is for another ${what}`);
  if (signers.keys && !isReceiptOf(receipt, signers.keys.receipts)) {
    findings.note(rule, "it is not signed by the receipts' key");
  }
}
