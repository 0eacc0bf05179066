// Records shown to be in the log, what they say, and what is reported of them.

import { Malformed, anyOctets, canonical, instant, octets, readObject } from "./fields.js";
import { requireNames, table, text, whole } from "./fields.js";
import { cosignedAt, isOf, isSignedBy, leafHash, parseNote, rootByInclusion } from "./merkle.js";
import { hex, sha256, utf8 } from "./sha2.js";

const LONGEST_PATH = 64;
const SHOWN = 3;

/** Collects where a file differs from what the rules give, by the name of the step. */
export class Findings {
  constructor(rules) {
    this.rules = rules;
    this.wrong = new Map();
  }

  expect(rule, what, says, gives) {
    if (isSame(says, gives)) return;
    this.note(rule, `${what} is ${shown(says)}, the rules give ${shown(gives)}`);
  }

  note(rule, problem) {
    const wrong = this.wrong.get(rule) ?? { count: 0, first: [] };
    wrong.count += 1;
    if (wrong.count <= SHOWN) wrong.first.push(problem);
    this.wrong.set(rule, wrong);
  }

  report(unchecked, otherwise = "verified") {
    const steps = Object.keys(this.rules).map((name) => this.step(name));
    return { verdict: this.wrong.size ? "mismatch" : otherwise, steps, unchecked };
  }

  step(name) {
    const wrong = this.wrong.get(name);
    if (!wrong) return { name, ok: true, detail: this.rules[name] };
    const more = wrong.count - wrong.first.length;
    return { name, ok: false, detail: wrong.first.join("; ") + (more ? `; and ${more} more` : "") };
  }
}

function isSame(one, other) {
  if (!Array.isArray(one) || !Array.isArray(other)) return (one ?? null) === (other ?? null);
  return one.length === other.length && one.every((each, place) => isSame(each, other[place]));
}

function shown(value) {
  if (value === null || value === undefined) return "nothing";
  if (Array.isArray(value)) return `[${value.map(shown).join(", ")}]`;
  return typeof value === "object" ? canonical(value) : String(value);
}

/** A record on which all further steps stand cannot be read; it has been noted. */
export class Unreadable extends Error {}

/** Note what cannot be read, and end what stands on it. */
export function readable(findings, rule, read) {
  try {
    return read();
  } catch (problem) {
    if (!(problem instanceof Malformed)) throw problem;
    findings.note(rule, problem.message);
    throw new Unreadable();
  }
}

/** Give what could be read; null where that was noted to be unreadable. */
export function unlessUnreadable(read) {
  try {
    return read();
  } catch (problem) {
    if (!(problem instanceof Unreadable)) throw problem;
    return null;
  }
}

/** Give what could be read; null where it is malformed, which was noted elsewhere. */
export function unlessMalformed(read) {
  try {
    return read();
  } catch (problem) {
    if (!(problem instanceof Malformed)) throw problem;
    return null;
  }
}

/** What is known of signers (null where no keys were given), and which heads were looked at. */
export class Signers {
  constructor(keys) {
    this.keys = keys;
    this.heads = new Map();
  }

  head(note) {
    if (!this.heads.has(note)) {
      const read = parseNote(note);
      this.heads.set(note, { ...read, signed: this.isSigned(read) });
    }
    return this.heads.get(note);
  }

  isSigned(note) {
    return !this.keys || (note.origin === this.keys.origin && isSignedBy(note, this.keys.head));
  }

  get witnesses() {
    return this.keys ? this.keys.witnesses : [];
  }

  /** The first Unix second at which a known witness cosigned a head; null where none did. */
  witnessed(note) {
    if (!this.witnesses.length) return null;
    const head = this.head(note);
    const times = this.witnesses.flatMap((witness) =>
      head.lines.map((line) => cosignedAt(head, line, witness)),
    );
    const known = times.filter((time) => time !== null);
    return known.length ? known.reduce((one, other) => (one < other ? one : other)) : null;
  }

  falseCosignatures(note) {
    const head = this.head(note);
    const isFalse = (line, witness) => isOf(line, witness) && cosignedAt(head, line, witness) === null;
    return this.witnesses.flatMap((witness) =>
      head.lines.filter((line) => isFalse(line, witness)).map(() => witness.name),
    );
  }

  get unchecked() {
    if (!this.keys) return ["the signers of heads and receipts: the house's keys were not given"];
    const known = [this.keys.head, ...this.witnesses];
    const lines = [...this.heads.values()].flatMap((head) => head.lines);
    const strangers = lines.filter((line) => !known.some((key) => isOf(line, key)));
    const names = new Map(strangers.map((line) => [`${line.name} ${line.id}`, line.name]));
    return [...names.values()]
      .sort()
      .map((name) => `a signature of ${name.slice(0, 80)} under a head: no key of that name was given`);
  }
}

/** A leaf: {entry, index, path, note}. */
export function parseLeaf(value) {
  requireNames(value, ["entry", "index", "path", "note"]);
  return {
    entry: text(value, "entry"),
    index: whole(value, "index"),
    path: parsePath(value),
    note: text(value, "note"),
  };
}

/** Hashes in hex. */
export function parsePath(value, longest = LONGEST_PATH) {
  if (!Array.isArray(value.path) || value.path.length > longest) {
    throw new Malformed('"path" is not a list of hashes');
  }
  return value.path.map((path) => octets({ path }, "path", 32));
}

/** A receipt: {entry, index, size, path, signature}. */
export function parseReceipt(value) {
  requireNames(value, ["entry", "index", "size", "path", "signature"]);
  return {
    entry: anyOctets(value, "entry"),
    index: whole(value, "index"),
    size: whole(value, "size"),
    path: parsePath(value, Infinity),
    signature: anyOctets(value, "signature"),
  };
}

/** Read an entry of one kind, written as canonical JSON. */
export function readRecord(entry, kind, names) {
  const value = readObject(entry);
  requireNames(value, [...names, "kind", "v", "at"]);
  if (text(value, "kind") !== kind || whole(value, "v") !== 1n) {
    throw new Malformed(`the entry is no ${kind} of version 1`);
  }
  if (canonical(value) !== entry) {
    throw new Malformed(`the entry of the ${kind} is not canonical JSON`);
  }
  return { ...value, at: instant(value, "at") };
}

/** Check that an entry is under its head and, where a key is known, that the log signed it. */
export function checkLeaf(findings, rule, what, leaf, signers) {
  const head = signers.head(leaf.note);
  const root = rootByInclusion(leafHash(utf8(leaf.entry)), leaf.index, head.size, leaf.path);
  if (root !== head.root) {
    findings.note(rule, `${what} is not the entry ${leaf.index} under its head`);
  }
  if (!head.signed) findings.note(rule, `the head over ${what} is not signed by the log's key`);
  for (const witness of signers.falseCosignatures(leaf.note)) {
    findings.note(rule, `${witness} has not signed the head over ${what}`);
  }
}

/** Read a `keno.void` record and check its place in the log. */
export function readVoid(findings, rule, leaf, signers) {
  return readable(findings, rule, () => {
    const names = ["game", "round", "reason", "server_seed", "beacon_round", "tickets", "refunded"];
    const record = readRecord(leaf.entry, "keno.void", names);
    text(record, "game");
    whole(record, "round");
    octets(record, "server_seed", 32);
    checkLeaf(findings, rule, "the void", leaf, signers);
    return record;
  });
}

/** Read a `keno.skipped` record and check its place: {game, first, last}. */
export function readSkipped(findings, rule, leaf, signers) {
  return readable(findings, rule, () => {
    const record = readRecord(leaf.entry, "keno.skipped", ["game", "from", "to", "reason"]);
    const said = { game: text(record, "game"), first: whole(record, "from"), last: whole(record, "to") };
    checkLeaf(findings, rule, "the record", leaf, signers);
    return said;
  });
}

const MULTIPLIER = /^(0|[1-9][0-9]{0,11})(?:\.([0-9]{1,9}))?$/;

/** Read a `keno.paytable` record and check its place: {hash, spots}. */
export function readPaytable(findings, rule, leaf, signers) {
  return readable(findings, rule, () => {
    const record = readRecord(leaf.entry, "keno.paytable", ["spots"]);
    const paytable = parseSpots(table(record, "spots"));
    checkLeaf(findings, rule, "the paytable", leaf, signers);
    return paytable;
  });
}

/** Read `{"10": ["2", "0", ...], ...}`; `spots` has a row of [units, scale] for each. */
export function parseSpots(value) {
  if (Object.keys(value).length === 0) throw new Malformed("the paytable has no spots");
  const spots = new Map();
  for (const [name, row] of Object.entries(value)) {
    if (!/^[1-9][0-9]?$/.test(name) || Number(name) > 20) {
      throw new Malformed(`"${name.slice(0, 40)}" is no number of spots from 1 to 20`);
    }
    if (!Array.isArray(row) || row.length !== Number(name) + 1) {
      throw new Malformed(`${name} spots need ${Number(name) + 1} multipliers`);
    }
    spots.set(Number(name), row.map(multiplier));
  }
  return { hash: hex(sha256(utf8(canonical(value)))), spots };
}

function multiplier(written) {
  const [, before, after = ""] = (typeof written === "string" && MULTIPLIER.exec(written)) || [];
  if (before === undefined) throw new Malformed(`"${shown(written).slice(0, 40)}" is no multiplier`);
  return [BigInt(before + after), 10n ** BigInt(after.length)];
}

/** The prize of a stake; null where the paytable has none for so many spots. */
export function prizeOf(paytable, stake, spots, caught) {
  const row = paytable.spots.get(spots);
  if (row === undefined) return null;
  const [units, scale] = row[caught];
  return (stake * units) / scale;
}
