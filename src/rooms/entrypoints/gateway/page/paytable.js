// The pay table for the numbers marked so far: prizes, exact odds, what comes back on average.

import { el, keyed, say, set } from "./dom.js";
import { typedSol } from "./figures.js";
import { chance, hitRate, oneIn, prize, rounded, rtp } from "./odds.js";

function cells(...values) {
  return values.map((value) => el("td", {}, value));
}

/** Write what comes back on average as a percentage with four decimals. */
export function rtpWords({ numerator, denominator }) {
  return `${rounded(numerator * 100n, denominator, 4)}\u00a0%`;
}

/** Make the pay table in `place`. */
export function paytable(place, terms, spots) {
  const lede = el("p", { class: "lede" });
  const body = el("tbody");
  const exact = el("p", { class: "label exact" });
  const head = ["Drawn", "Prize", "SOL", "Chance"].map((name) => el("th", { scope: "col" }, name));
  const table = el("table", { class: "prizes" }, el("caption", { class: "unseen" }, "Prizes by how many of your numbers are drawn"), el("thead", {}, el("tr", {}, ...head)), body);
  const shelf = el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Prizes and odds" }, table);
  const all = el("tbody", {}, ...Object.entries(spots).map(([count, row]) => allRow(count, row, terms)));
  const others = el(
    "details",
    {},
    el("summary", {}, "Every number of picks"),
    el("table", { class: "prizes" }, el("thead", {}, el("tr", {}, ...["Picks", "Comes back", "Any prize", "Top"].map((name) => el("th", { scope: "col" }, name)))), all),
  );
  place.append(lede, shelf, exact, others);
  const rows = keyed(body, ({ count, catches }) => `${count}/${catches}`, ({ catches }) => {
    const node = el("tr", {}, el("th", { scope: "row" }, String(catches)), ...cells("", "", ""));
    const [times, pays, odds] = node.querySelectorAll("td");
    return {
      node,
      update({ multiplier, pay, odd, caught }) {
        say(times, multiplier === "0" ? "none" : `× ${multiplier}`);
        say(pays, pay);
        say(odds, odd);
        set(node, "data-pays", multiplier === "0" ? "no" : "yes");
        set(node, "data-caught", caught);
      },
    };
  });
  return {
    update({ count, stake, caught }) {
      const row = spots[String(count)];
      shelf.hidden = exact.hidden = !row;
      if (!row) {
        say(lede, count ? `${count} numbers cannot be played here.` : "Mark numbers, and their prizes and odds stand here.");
        rows([]);
        return;
      }
      const worth = rtp(row, terms);
      say(lede, `${count === 1 ? "One number" : `${count} numbers`}: on average ${rtpWords(worth)} of what is staked comes back (RTP). Any prize: ${oneIn(hitRate(row, terms)) ?? "never"}.`);
      say(exact, `RTP exactly ${worth.numerator} / ${worth.denominator}`);
      rows(
        row.map((multiplier, catches) => ({
          count,
          catches,
          multiplier,
          pay: stake === null || multiplier === "0" ? "–" : typedSol(prize(multiplier, stake)),
          odd: oneIn(chance(count, catches, terms)) ?? "cannot be",
          caught: caught === catches ? "yes" : "no",
        })).reverse(),
      );
    },
  };
}

function allRow(count, row, terms) {
  const best = row.reduce((most, each) => (Number(each) > Number(most) ? each : most));
  return el("tr", {}, el("th", { scope: "row" }, count), ...cells(rtpWords(rtp(row, terms)), oneIn(hitRate(row, terms)) ?? "never", `× ${best}`));
}
