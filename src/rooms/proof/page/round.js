// A round: steps (a) to (e) of docs/spec/fairness.md, section 6. Nothing of the house is believed.

import { isBeaconSigned } from "./bls.js";
import { TERMS, beaconDue, commitOf, draw, entropyOf, parseBeacon, parseInfo } from "./draw.js";
import { parseTerms, slot } from "./draw.js";
import { Malformed, numbers, octets, optional, requireNames, rfc3339 } from "./fields.js";
import { table, text, whole } from "./fields.js";
import { Findings, Unreadable, checkLeaf, parseLeaf, readPaytable, readRecord } from "./records.js";
import { readSkipped, readVoid, readable, unlessUnreadable } from "./records.js";
import { hex, unhex, walk } from "./sha2.js";

const SEED = "(a) seed";
const CHAIN = "(b) chain";
const BEACON = "(c) beacon";
const DRAW = "(d) draw";
const PAYTABLE = "(e) paytable";
const VOID = "void";
const SKIPPED = "skipped";

const ROUND_RULES = {
  [SEED]: "hashed as often as its round says it gives the chain's terminal, hashed once the commit",
  [CHAIN]: "its terms are in the log and were recorded before its first round opened",
  [BEACON]: "the first one after the scheduled lock and its guard, signed by its chain",
  [DRAW]: "the numbers that seed, game, round and entropy give, in their order",
  [PAYTABLE]: "in the log, and the one of the chain's hash",
  [VOID]: "recorded in the log with the round's seed",
  [SKIPPED]: "recorded in the log; no ticket was sold, nothing was drawn",
};
export const NO_ANCHOR = "(b) anchor: heads are not written to a public chain yet";

/** Read a round's proof (docs/spec/verification.md, section 2). */
export function parseRound(value) {
  requireNames(value, [
    "game", "round", "chain", "paytable", "commit", "server_seed", "drand", "beacon", "draw", "void",
    "skipped",
  ]);
  return {
    game: text(value, "game"),
    number: whole(value, "round"),
    chain: parseLeaf(table(value, "chain")),
    paytable: parseLeaf(table(value, "paytable")),
    commit: octets(value, "commit", 32),
    seed: optional(octets, value, "server_seed", 32),
    drand: optional((fields, name) => parseInfo(table(fields, name)), value, "drand"),
    beacon: optional((fields, name) => exactBeacon(table(fields, name)), value, "beacon"),
    draw: optional(numbers, value, "draw"),
    void: optional((fields, name) => parseLeaf(table(fields, name)), value, "void"),
    skipped: optional((fields, name) => parseLeaf(table(fields, name)), value, "skipped"),
  };
}

function exactBeacon(value) {
  const beacon = parseBeacon(value);
  if (text(value, "randomness") !== beacon.entropy) {
    throw new Malformed("the randomness is not the hash of the signature");
  }
  requireNames(value, ["round", "randomness", "signature"]);
  return beacon;
}

/** Check a round. */
export function verifyRound(proof, signers) {
  const findings = new Findings(rulesOf(proof));
  const checked = checkRound(findings, proof, signers);
  const missing = checked ? missingOf(proof, checked.terms) : [];
  const unchecked = [...missing, ...signers.unchecked, ...uncheckedOfRound(proof, signers, checked)];
  return findings.report(unchecked, verdictOf(proof, missing));
}

/** The steps that a round can be held to, as far as it has come, and what they say. */
export function rulesOf(proof) {
  const there = {
    [SEED]: proof.seed,
    [CHAIN]: proof.chain,
    [BEACON]: proof.beacon ?? proof.drand,
    [DRAW]: proof.draw,
    [PAYTABLE]: proof.paytable,
    [VOID]: proof.void,
    [SKIPPED]: proof.skipped,
  };
  return Object.fromEntries(Object.entries(ROUND_RULES).filter(([rule]) => there[rule] !== null));
}

/** The verdict of a round in which nothing is wrong. */
export function verdictOf(proof, missing) {
  if (proof.skipped) return "verified";
  if (!proof.seed) return "not_revealed";
  return missing.length ? "cannot_check" : "verified";
}

/** What a round whose seed is shown should have and has not. */
export function missingOf(proof, terms) {
  if (!proof.seed || proof.void || proof.skipped) return [];
  const missing = proof.draw ? [] : ["the draw is missing"];
  if (terms.entropy !== "none" && !(proof.beacon && proof.drand)) {
    missing.push("the beacon, or the drand chain that it is of, is missing");
  }
  return missing;
}

/** Note all that is wrong with a round: {terms, paytable}, or null where a record is unreadable. */
export function checkRound(findings, proof, signers) {
  const checked = unlessUnreadable(() => checkGround(findings, proof, signers));
  if (checked === null) {
    for (const rule of Object.keys(rulesOf(proof))) {
      if (rule !== CHAIN && rule !== PAYTABLE) findings.note(rule, "not reached");
    }
    return null;
  }
  checkSeed(findings, proof, checked.terms);
  checkBeacon(findings, proof, checked.terms);
  checkDraw(findings, proof, checked.terms);
  checkVoid(findings, proof, checked.terms, signers);
  checkSkipped(findings, proof, signers);
  return checked;
}

function checkGround(findings, proof, signers) {
  const terms = readChain(findings, CHAIN, proof.chain, signers);
  findings.expect(CHAIN, "its game", proof.game, terms.game);
  if (proof.number < terms.first_round || proof.number > terms.last_round) {
    findings.note(CHAIN, `it does not reach to round ${proof.number}`);
    throw new Unreadable();
  }
  const paytable = readPaytable(findings, PAYTABLE, proof.paytable, signers);
  findings.expect(PAYTABLE, "its hash", paytable.hash, terms.paytable_hash);
  return { terms, paytable };
}

/** Read a `keno.chain` record, check its place in the log and its time. */
export function readChain(findings, rule, leaf, signers) {
  const { terms, at } = readable(findings, rule, () => {
    const record = readRecord(leaf.entry, "keno.chain", TERMS);
    const read = { terms: parseTerms(record), at: record.at };
    checkLeaf(findings, rule, "the chain", leaf, signers);
    return read;
  });
  if (at >= slot(terms, terms.first_round)) {
    findings.note(rule, `it was recorded at ${rfc3339(at)}, after its first round opened`);
  }
  return terms;
}

function checkSeed(findings, proof, terms) {
  if (!proof.seed) return;
  const links = proof.number - terms.first_round + 1n;
  const seed = unhex(proof.seed);
  if (hex(walk(seed, Number(links))) !== terms.terminal) {
    findings.note(SEED, `hashed ${links} times it does not give the chain's terminal`);
  }
  findings.expect(SEED, "the commit", proof.commit, commitOf(seed));
}

function checkBeacon(findings, proof, terms) {
  if (!proof.beacon && !proof.drand) return;
  if (!proof.drand) {
    findings.note(BEACON, "no drand chain is named that it is of");
    return;
  }
  findings.expect(BEACON, "its chain", proof.drand.entropy, terms.entropy);
  if (proof.beacon) {
    const due = beaconDue(terms, proof.drand, proof.number);
    findings.expect(BEACON, "its round", proof.beacon.round, due);
    if (!isBeaconSigned(proof.drand.publicKey, proof.beacon.round, proof.beacon.signature)) {
      findings.note(BEACON, "its signature is not that of its chain over its round");
    }
  }
}

function checkDraw(findings, proof, terms) {
  if (!proof.draw) return;
  const entropy = entropyOf(terms, proof.beacon);
  if (!proof.seed) {
    findings.note(DRAW, "there is a draw, and no seed");
  } else if (entropy !== null) {
    findings.expect(DRAW, "it", proof.draw, drawOf(proof.seed, terms, proof.number, entropy));
  }
}

/** What the rules draw for a round of a chain. */
export function drawOf(seed, terms, number, entropy) {
  const [of, drawn] = [Number(terms.numbers), Number(terms.drawn)];
  return draw(unhex(seed), terms.game, number, entropy, of, drawn);
}

function checkVoid(findings, proof, terms, signers) {
  const record = proof.void && unlessUnreadable(() => readVoid(findings, VOID, proof.void, signers));
  if (!record) return;
  findings.expect(VOID, "its round", [record.game, record.round], [proof.game, proof.number]);
  findings.expect(VOID, "its seed", record.server_seed, proof.seed);
  findings.expect(VOID, "its reason", record.reason, "ENTROPY_MISSING");
  if (proof.drand) {
    const due = beaconDue(terms, proof.drand, proof.number);
    findings.expect(VOID, "its beacon", record.beacon_round, due);
  }
}

function checkSkipped(findings, proof, signers) {
  if (!proof.skipped) return;
  const said = unlessUnreadable(() => readSkipped(findings, SKIPPED, proof.skipped, signers));
  if (!said) return;
  const { game, first, last } = said;
  if (game !== proof.game || proof.number < first || proof.number > last) {
    findings.note(SKIPPED, `the record is about ${game}, rounds ${first} to ${last}`);
  }
  if (proof.draw || proof.void) {
    findings.note(SKIPPED, "a round that was skipped has neither a draw nor a void");
  }
}

function uncheckedOfRound(proof, signers, checked) {
  const listed = [NO_ANCHOR];
  listed.push("other chains of the game: that no other one covers this round, the whole log shows");
  if (!proof.seed && !proof.skipped) listed.push("the commit: its seed is not shown yet");
  if (proof.drand?.isSandbox) {
    listed.push("the beacon's worth: it is of the sandbox, whose secret key everybody may know");
  }
  if (checked && signers.keys) {
    const witnessed = signers.witnessed(proof.chain.note);
    const opens = slot(checked.terms, checked.terms.first_round);
    if (witnessed === null || 1000n * witnessed >= opens) {
      listed.push("(b) witness: none cosigned the chain's head before its first round opened");
    }
  }
  return listed;
}
