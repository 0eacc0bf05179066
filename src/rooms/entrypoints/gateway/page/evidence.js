// How a room came out and why: the decision, how the stakes were divided, every price looked at.

import { el, say } from "./dom.js";
import { exactSol, exactUsd, plural } from "./figures.js";
import { openVerifier } from "./proofs.js";
import { atMillisecond } from "./time.js";
import { reasonWords, shortAddress, whyWords } from "./words.js";

const OPEN_AT_FIRST = 2;

/** A part of a room's page under its own heading. */
export function panel(name, heading, ...children) {
  const title = el("h2", { id: `${name}-heading` }, heading);
  return el("section", { class: `panel ${name}`, "aria-labelledby": title.id }, title, ...children);
}

function facts(rows) {
  const lines = rows
    .filter(([, value]) => value !== null)
    .map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value)));
  return el("dl", { class: "facts" }, ...lines);
}

function decision(settlement) {
  const trigger = { touch: "the target was touched", close: "the price at settle time" };
  const time = (instant) => (instant === null ? null : atMillisecond(instant));
  const { bets_count: bets, scratched } = settlement;
  const counted = scratched ? `${scratched} of them scratched and given back` : "all counted";
  return facts([
    ["Outcome", settlement.outcome ?? "none"],
    ["Reason", settlement.reason === null ? null : reasonWords(settlement.reason)],
    ["Decided by", trigger[settlement.trigger] ?? null],
    ["Touched at", time(settlement.t_hit)],
    ["Last not met at", time(settlement.t_clear)],
    ["Bets count until", time(settlement.cutoff)],
    ["Bets", bets ? `${bets}, ${counted}` : "none"],
  ]);
}

/** Divide the stakes as the head says; the file has every single bet. */
function division(room, settlement) {
  const staked = BigInt(room.pools.YES.amount) + BigInt(room.pools.NO.amount);
  const [handle, takeout, host, protocol, breakage] = [
    "handle", "takeout", "host_fee", "protocol_fee", "breakage",
  ].map((name) => BigInt(settlement[name]));
  const settled = settlement.outcome !== null;
  const payouts = settled ? handle - takeout - breakage : 0n;
  const refunds = settled ? staked - handle : staked;
  const parts = [
    ["Paid to winners", payouts],
    ["Given back", refunds],
    ["Host fee", host],
    ["Protocol fee, referral rewards included", protocol],
    ["Breakage, lost by rounding down", breakage],
  ];
  const sum = parts.reduce((total, [, amount]) => total + amount, 0n);
  const row = (name, amount, kind) =>
    el("tr", { class: kind }, el("th", { scope: "row" }, name), el("td", {}, exactSol(amount)));
  const words = sum === staked ? "equals every stake accepted" : "differs from the stakes accepted";
  return el(
    "table",
    { class: "division" },
    el("tbody", {}, ...parts.map(([name, amount]) => row(name, amount))),
    el("tfoot", {}, row("Together", sum, "sum"), row(`Staked: ${words}`, staked)),
  );
}

function quoteRow(quote) {
  const cells = [
    quote.source,
    quote.origin,
    quote.price === null ? "none" : exactUsd(quote.price),
    quote.source_time === null ? `received ${atMillisecond(quote.received_at)}` : atMillisecond(quote.source_time),
    String(quote.weight),
    quote.used ? "used" : "left out",
    quote.why === null ? "" : whyWords(quote.why),
  ];
  const [first, ...rest] = cells;
  return el(
    "tr",
    { "data-used": quote.used ? "yes" : "no" },
    el("th", { scope: "row" }, first),
    ...rest.map((cell) => el("td", {}, cell)),
  );
}

const COLUMNS = ["Source", "Origin", "Price", "Its time", "Weight", "Used", "Why left out"];

function observation(seen, open) {
  const name = `${shortAddress(seen.asset)} ${exactUsd(seen.price)} at ${atMillisecond(seen.at)}`;
  const head = el("tr", {}, ...COLUMNS.map((column) => el("th", { scope: "col" }, column)));
  const table = el(
    "table",
    { class: "quotes" },
    el("caption", {}, `Quotes of check ${seen.tick}`),
    el("thead", {}, head),
    el("tbody", {}, ...seen.quotes.map(quoteRow)),
  );
  const used = seen.quotes.filter((quote) => quote.used).length;
  return el(
    "details",
    { open: open ? "" : null },
    el("summary", {}, name, " ", el("span", { class: "label" }, `${used} of ${plural(seen.quotes.length, "quote", "quotes")} used`)),
    el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": name }, table),
  );
}

function observations({ observations: seen }) {
  if (!seen.length) return [el("p", { class: "empty" }, "No price was needed for this decision.")];
  const from = seen.length - OPEN_AT_FIRST;
  return seen.map((each, number) => observation(each, number >= from));
}

/** Add up the room's file here: the sums of what it says was paid, bet by bet. */
async function addUp(address, answer) {
  say(answer, "Reading the file…");
  try {
    const [head, ...bets] = (await fileText(address)).trim().split("\n").map((line) => JSON.parse(line));
    const total = (name) => bets.reduce((sum, bet) => sum + BigInt(bet[name]), 0n);
    const fees = ["host_fee", "protocol_fee", "breakage"].reduce((sum, name) => sum + BigInt(head[name]), 0n);
    const [staked, paid] = [total("stake"), total("payout")];
    const verdict = staked === paid + fees ? "They are equal." : "They differ: this file is wrong.";
    say(answer, `${plural(bets.length, "bet", "bets")} staked ${exactSol(staked)}; paid, given back, taken and broken: ${exactSol(paid + fees)}. ${verdict}`);
  } catch (problem) {
    say(answer, `The file could not be read (${problem.message}). Try again, or download it.`);
  }
}

/** Give the room's file to the page that checks, which derives all of it again and asks nobody. */
async function deriveAgain(address, answer) {
  say(answer, "Reading the file…");
  try {
    const opened = openVerifier(await fileText(address));
    say(answer, opened ? "The check is in a new tab." : "The file is too large for a link. Download it, open /verify and drop it there.");
  } catch (problem) {
    say(answer, `The file could not be read (${problem.message}). Try again, or download it.`);
  }
}

async function fileText(address) {
  const file = await fetch(address);
  if (!file.ok) throw new Error(`the house answered ${file.status}`);
  return await file.text();
}

function checking(room, settlement) {
  const address = `/v1/rooms/${encodeURIComponent(room.id)}/settlement/file`;
  const name = `room-${room.id}.ndjson`;
  const answer = el("p", { class: "answer", role: "status" });
  const derive = el("button", { type: "button" }, "Derive it all in this browser");
  derive.addEventListener("click", () => deriveAgain(address, answer));
  const add = el("button", { type: "button" }, "Add up every bet here");
  add.addEventListener("click", () => addUp(address, answer));
  return [
    el("p", {}, "The file holds the decision, each price with its quotes, and every bet with what it was paid. A checker that trusts none of its figures derives them all again:"),
    el("pre", { tabindex: "0" }, el("code", {}, `./rooms verify room ${name}`)),
    el("div", { class: "actions" }, el("a", { class: "button", href: address, download: name }, "Download the file"), derive, add),
    answer,
    facts([["SHA-256 of the file's content", settlement.file_hash ?? null]]),
  ];
}

/** Give the panels that a room's page has once the room has ended: what, and why. */
export function evidence(room, settlement) {
  const lede = "Every price check that the decision rests on, with each source's quote.";
  const seen = [el("p", { class: "lede" }, lede), ...observations(settlement)];
  return {
    outcome: [
      panel("decision", "Decision", decision(settlement)),
      panel("shares", "How the stakes were divided", division(room, settlement)),
    ],
    proof: [
      panel("prices-seen", "Evidence", ...seen),
      panel("check", "Check it yourself", ...checking(room, settlement)),
    ],
  };
}
