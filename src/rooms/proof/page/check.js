// The checker's own thread: takes a file, says how far it is, and what was found.

import { parseBetProof, verifyBet } from "./bet.js";
import { Day, textOf } from "./day.js";
import { Malformed, readObject } from "./fields.js";
import { parseKeys } from "./merkle.js";
import { Signers, parseLeaf, unlessMalformed } from "./records.js";
import { Room } from "./room.js";
import { parseRound, verifyRound } from "./round.js";
import { settledOf } from "./settled.js";
import { parseTicket, verifyTicket } from "./ticket.js";

const LARGEST_PROOF = 4_000_000;
const SLICE = 1 << 20;
const ROUNDS_PER_PROGRESS = 500;
const BETS_PER_PROGRESS = 5_000;

/**
 * Check a file (a Blob): {kind, verdict, steps, unchecked, facts}, or {kind: "keys", keys}, or
 * {kind: "record", record}. `keys` is what such an answer gave, or null, `records` what such records
 * of rooms gave. Malformed, with a sentence, for anything else.
 */
export async function check(file, keys, progress, records = []) {
  const signers = new Signers(keys && parseKeys(readObject(keys)));
  const first = await beginning(file);
  if (first && "date" in first) return await checkDay(file, signers, progress);
  if (first && "file_hash" in first) return await checkRoom(file, progress, recordsByRoom(records), signers);
  if (file.size > LARGEST_PROOF) throw new Malformed("it is too large for one round or ticket");
  const content = textOf(new Uint8Array(await file.arrayBuffer()));
  return checkObject(content, readObject(content), signers);
}

/** The first line as an object; null where it is none, as in a proof that was written wide. */
async function beginning(file) {
  const { value: line = new Uint8Array() } = await lines(file.slice(0, LARGEST_PROOF)).next();
  return unlessMalformed(() => readObject(textOf(line)));
}

function checkObject(content, value, signers) {
  if ("receipt_public_key" in value) {
    parseKeys(value);
    return { kind: "keys", keys: content, origin: value.origin };
  }
  if ("entry" in value) {
    return { kind: "record", record: content, room: settledOf(parseLeaf(value)).room };
  }
  if ("binding" in value && "side" in value) {
    const proof = parseBetProof(value);
    const { ref, room, side, stake } = proof;
    return { kind: "bet", ...verifyBet(proof, signers), facts: { room, side, stake, ref } };
  }
  if ("binding" in value) {
    const proof = parseTicket(value);
    const { picks, stake, prize, refund, ref, round } = proof;
    const facts = { ...roundFacts(round), ref, picks, stake, prize, refund };
    return { kind: "ticket", ...verifyTicket(proof, signers), facts };
  }
  if ("chain" in value) {
    const proof = parseRound(value);
    return { kind: "round", ...verifyRound(proof, signers), facts: roundFacts(proof) };
  }
  throw new Malformed(
    "it is neither a round's, a ticket's or a bet's proof, nor a day's or a room's file, nor a record " +
      "of a room, nor the house's keys",
  );
}

function roundFacts({ game, number, commit, seed, beacon, draw }) {
  return { game, number, commit, seed, beacon: beacon?.round ?? null, draw };
}

async function checkDay(file, signers, progress) {
  const day = new Day(signers);
  for await (const line of lines(file)) {
    day.line(line);
    if (day.taken % BigInt(ROUNDS_PER_PROGRESS) === 0n) progress(day.taken, day.head.rounds);
  }
  const report = day.report();
  const { game, date, rounds } = day.head;
  return { kind: "day", ...report, facts: { game, date, rounds } };
}

function recordsByRoom(records) {
  const leaves = records.map((each) => parseLeaf(readObject(each)));
  return new Map(leaves.map((leaf) => [settledOf(leaf).room, leaf]));
}

async function checkRoom(file, progress, records, signers) {
  const room = new Room(records, signers);
  for await (const line of lines(file)) {
    room.line(textOf(line));
    if (room.lines % BETS_PER_PROGRESS === 0) progress(BigInt(room.lines), room.head.bets);
  }
  const report = room.report();
  const { outcome, reason, handle, takeout, scratched, bets } = room.head;
  const { id, title } = room.head.room;
  const facts = { room: id, title, outcome, reason, bets, scratched, handle, takeout };
  return { kind: "room", ...report, facts };
}

/** The lines of a file as bytes with their ends; a slice is in memory at a time. */
async function* lines(file) {
  let rest = new Uint8Array();
  for (let from = 0; from < file.size; from += SLICE) {
    const more = new Uint8Array(await file.slice(from, from + SLICE).arrayBuffer());
    const all = new Uint8Array(rest.length + more.length);
    all.set(rest);
    all.set(more, rest.length);
    let start = 0;
    for (let end = all.indexOf(10, start); end >= 0; end = all.indexOf(10, start)) {
      yield all.subarray(start, end + 1);
      start = end + 1;
    }
    rest = all.subarray(start);
  }
  if (rest.length) yield rest;
}

/** Answer the page: what it sends is {file, keys, records}. */
export function serve(scope) {
  scope.onmessage = async ({ data: { file, keys, records } }) => {
    try {
      const found = await check(file, keys, (done, of) => scope.postMessage({ done, of }), records);
      scope.postMessage({ found });
    } catch (problem) {
      if (!(problem instanceof Malformed)) throw problem;
      scope.postMessage({ refused: problem.message });
    }
  };
}
