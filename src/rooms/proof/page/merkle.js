// The Merkle tree of RFC 9162 over SHA-256, and the signed heads of the log (C2SP checkpoints).

import { isSigned } from "./ed25519.js";
import { Malformed, octets, text } from "./fields.js";
import { hex, joined, sha256, unhex, utf8 } from "./sha2.js";

const LOG_KEY = 1;
const WITNESS_KEY = 4;
const EMPTY_ROOT = hex(sha256());

/** The hash of an entry as a leaf, in hex. */
export function leafHash(entry) {
  return hex(sha256(Uint8Array.of(0), entry));
}

function nodeHash(left, right) {
  return hex(sha256(Uint8Array.of(1), unhex(left), unhex(right)));
}

/** The root over entries, in hex. */
export function rootOf(entries) {
  if (entries.length === 0) return EMPTY_ROOT;
  if (entries.length === 1) return leafHash(entries[0]);
  const split = 2 ** Math.ceil(Math.log2(entries.length) - 1);
  return nodeHash(rootOf(entries.slice(0, split)), rootOf(entries.slice(split)));
}

/** The root that an inclusion proof leads to (RFC 9162, 2.1.3.2); null if it is none. */
export function rootByInclusion(leaf, index, size, path) {
  if (index < 0n || index >= size) return null;
  let [number, last, root] = [index, size - 1n, leaf];
  for (const beside of path) {
    if (last === 0n) return null;
    if (number & 1n || number === last) {
      root = nodeHash(beside, root);
      while (!(number & 1n) && number) [number, last] = [number >> 1n, last >> 1n];
    } else {
      root = nodeHash(root, beside);
    }
    [number, last] = [number >> 1n, last >> 1n];
  }
  return last === 0n ? root : null;
}

/** Whether a proof shows that a tree grew into another (RFC 9162, 2.1.4.2). */
export function isConsistent(first, second, firstRoot, secondRoot, path) {
  if (first > second) return false;
  if (first === second) return firstRoot === secondRoot && path.length === 0;
  if (first === 0n) return firstRoot === EMPTY_ROOT && path.length === 0;
  const way = first & (first - 1n) ? path : [firstRoot, ...path];
  if (way.length === 0) return false;
  let [number, last, older, newer] = [first - 1n, second - 1n, way[0], way[0]];
  while (number & 1n) [number, last] = [number >> 1n, last >> 1n];
  for (const beside of way.slice(1)) {
    if (last === 0n) return false;
    if (number & 1n || number === last) {
      [older, newer] = [nodeHash(beside, older), nodeHash(beside, newer)];
      while (!(number & 1n) && number) [number, last] = [number >> 1n, last >> 1n];
    } else {
      newer = nodeHash(newer, beside);
    }
    [number, last] = [number >> 1n, last >> 1n];
  }
  return last === 0n && older === firstRoot && newer === secondRoot;
}

/** Read a signed checkpoint: {origin, size, root, text, lines}; signatures are not checked here. */
export function parseNote(note) {
  const end = note.lastIndexOf("\n\n");
  const lines = note.slice(0, Math.max(end, 0)).split("\n");
  const signed = note.slice(end + 2);
  if (end < 0 || lines.length !== 3 || !signed.endsWith("\n")) {
    throw new Malformed("it is no signed note of an origin, a size and a root");
  }
  const [origin, size, encoded] = lines;
  const root = fromBase64(encoded);
  if (!origin || !/^(?:0|[1-9][0-9]{0,18})$/.test(size) || root.length !== 32) {
    throw new Malformed("the note is not of an origin, a size and a root");
  }
  const head = `${origin}\n${size}\n${encoded}\n`;
  const signatures = signed.slice(0, -1).split("\n").map(signatureLine);
  return { origin, size: BigInt(size), root: hex(root), text: head, lines: signatures };
}

function signatureLine(line) {
  const dash = "\u2014 ";
  const [name, ...rest] = line.slice(line.startsWith(dash) ? dash.length : 0).split(" ");
  const raw = fromBase64(rest.join(" "));
  if (!line.startsWith(dash) || !/^[^\s+]+$/.test(name) || raw.length <= 4) {
    throw new Malformed("a signature of the note is malformed");
  }
  return { name, id: hex(raw.subarray(0, 4)), signature: raw.subarray(4) };
}

/** What the house answers at /v1/log/key: {origin, head, receipts, witnesses}. */
export function parseKeys(value) {
  const witnesses = value.witnesses ?? [];
  if (!Array.isArray(witnesses) || !witnesses.every((each) => typeof each === "string")) {
    throw new Malformed('"witnesses" is not a list of keys');
  }
  return {
    origin: text(value, "origin"),
    head: parseKey(text(value, "key")),
    receipts: octets(value, "receipt_public_key", 32),
    witnesses: witnesses.map(parseKey),
  };
}

function parseKey(written) {
  const [name, id, ...rest] = written.trim().split("+");
  const raw = fromBase64(rest.join("+"));
  if (!/^[^\s+]+$/.test(name) || raw.length !== 33) {
    throw new Malformed("it is no note key: name+id+key, Ed25519");
  }
  const found = hex(sha256(utf8(`${name}\n`), raw).subarray(0, 4));
  if (![LOG_KEY, WITNESS_KEY].includes(raw[0]) || found !== id) {
    throw new Malformed("the key's id does not fit its name and bytes");
  }
  return { name, id, publicKey: raw.subarray(1) };
}

/** Whether the log has signed a note with this key. */
export function isSignedBy(note, key) {
  return note.lines.some(
    (line) => isOf(line, key) && isSigned(key.publicKey, line.signature, utf8(note.text)),
  );
}

export function isOf(line, key) {
  return line.name === key.name && line.id === key.id;
}

/** The Unix second at which a witness cosigned; null where it did not. */
export function cosignedAt(note, line, witness) {
  if (!isOf(line, witness) || line.signature.length !== 72) return null;
  const time = BigInt(`0x${hex(line.signature.subarray(0, 8))}`);
  const message = utf8(`cosignature/v1\ntime ${time}\n${note.text}`);
  return isSigned(witness.publicKey, line.signature.subarray(8), message) ? time : null;
}

/** Whether a receipt's key has signed for the receipt's entry. */
export function isReceiptOf(receipt, publicKey) {
  const leaf = leafHash(unhex(receipt.entry));
  const root = rootByInclusion(leaf, receipt.index, receipt.size, receipt.path);
  if (root === null) return false;
  const message = joined(utf8("rooms/receipt/1|"), unhex(root));
  return isSigned(unhex(publicKey), unhex(receipt.signature), message);
}

function fromBase64(written) {
  let raw;
  try {
    raw = atob(written);
  } catch {
    throw new Malformed("a part of the note is not base64");
  }
  // The same bytes may not be written in two ways.
  if (btoa(raw) !== written) throw new Malformed("a part of the note is not base64 as it is usually written");
  return Uint8Array.from(raw, (letter) => letter.charCodeAt(0));
}
