// The last draws, and how often each number came.

import { el, keyed, measure, say, set } from "./dom.js";
import { rounded } from "./odds.js";

const LAST = 20;

/** Make the list of the last draws in `place`; `proof(round)` gives a link. */
export function lastDraws(place, { proof }) {
  const list = el("ol", { class: "past" });
  place.append(list);
  const show = keyed(list, (round) => round.number, (round) => {
    const numbers = el("ol", { class: "few" });
    const name = el("span", { class: "ticket-round" }, `Round ${round.number}`);
    const node = el("li", {}, el("div", { class: "pair" }, name, proof(round.number)), numbers);
    return {
      node,
      update(now) {
        if (numbers.childElementCount === 0) numbers.append(...parts(now));
        [...numbers.children].forEach((each) => set(each, "data-drawn", now.caught.has(Number(each.textContent)) ? "yes" : "no"));
      },
    };
  });
  /** Show rounds that may be told, newest first, each with the numbers `caught` by own tickets. */
  return (rounds) => show(rounds.slice(0, LAST));
}

function parts(round) {
  if (!round.draw) return [el("li", { class: "words" }, roundWords(round))];
  return [...round.draw].sort((a, b) => a - b).map((number) => el("li", {}, String(number)));
}

/** Say why a round has no draw. */
function roundWords(round) {
  if (round.status === "VOID") return "Void: no beacon came in time, every stake went back.";
  const why = round.reason === "pause" ? "the game was paused" : "the clock was away";
  return `Skipped: ${why}, and nobody had a ticket.`;
}

// Which rounds a list of draws has: it is asked ten times a second, and changes with a round.
const numbersOf = new WeakMap();

/** Put draws that are new before those known, each [round, draw], newest first and none twice. */
export function remembered(known, rounds, most) {
  if (!numbersOf.has(known)) numbersOf.set(known, new Set(known.map(([number]) => number)));
  const numbers = numbersOf.get(known);
  const fresh = rounds.filter((round) => round.draw && !numbers.has(round.number));
  return fresh.length ? [...fresh.map((round) => [round.number, round.draw]), ...known].slice(0, most) : known;
}

/** Count how often each number is in so many draws. */
export function counts(draws, numbers) {
  const found = new Array(numbers).fill(0);
  draws.forEach((draw) => draw.forEach((number) => (found[number - 1] += 1)));
  return found;
}

/**
 * Give chi squared of the counts against chance, with `numbers - 1` degrees of freedom. The numbers
 * of one draw exclude each other, which the factor (numbers - 1) / numbers accounts for.
 */
export function spread(found, draws, { numbers, drawn }) {
  const share = drawn / numbers;
  const squares = found.reduce((sum, count) => sum + (count - draws * share) ** 2, 0);
  return ((numbers - 1) / numbers) * (squares / (draws * share * (1 - share)));
}

/** Make the heat map in `place`. `more(count)` is asked for that many draws. */
export function heat(place, terms, more) {
  const { numbers, drawn } = terms;
  const cells = Array.from({ length: numbers }, (_, index) => {
    const count = el("b");
    return { count, node: el("li", {}, el("span", {}, String(index + 1)), count) };
  });
  const map = el("ol", { class: "heat-map", "aria-label": "How often each number was drawn" }, ...cells.map(({ node }) => node));
  const lede = el("p", { class: "lede" }, "Every draw is independent; past numbers do not change your chances.");
  const chosen = new Map([100, 1000, 10000].map((count) => {
    const button = el("button", { type: "button", class: "chip", "aria-pressed": "false" }, count.toLocaleString("en"));
    button.addEventListener("click", () => more(count));
    return [count, button];
  }));
  const words = el("p", { class: "label" });
  place.append(lede, el("div", { class: "chips", role: "group", "aria-label": "How many draws" }, ...chosen.values()), map, words);
  let last = null;
  return {
    /** Show the newest of the draws known, each [round, draw], as many as `window` says. */
    update(known, window, loading) {
      const now = [known, known.length, window, loading];
      if (last?.every((each, place) => each === now[place])) return;
      last = now;
      const draws = known.slice(0, window).map(([, draw]) => draw);
      chosen.forEach((button, count) => set(button, "aria-pressed", count === window));
      const found = counts(draws, numbers);
      const share = drawn / numbers;
      const deviation = Math.sqrt(draws.length * share * (1 - share)) || 1;
      found.forEach((count, index) => {
        const heat = Math.max(-1, Math.min(1, (count - draws.length * share) / (3 * deviation)));
        say(cells[index].count, String(count));
        measure(cells[index].node, "--heat", Math.abs(heat).toFixed(2));
        set(cells[index].node, "data-heat", heat > 0.33 ? "hot" : heat < -0.33 ? "cold" : "even");
      });
      say(words, heatWords(draws.length, spread(found, draws.length, terms), terms, loading));
    },
  };
}

function heatWords(draws, chi, { numbers, drawn }, loading) {
  if (loading) return `Reading the draws… ${draws.toLocaleString("en")} so far.`;
  if (draws === 0) return "No draw yet.";
  const free = numbers - 1;
  const reach = 1.96 * Math.sqrt(2 * free);
  const usual = `${Math.max(0, Math.round(free - reach))} to ${Math.round(free + reach)}`;
  const each = rounded(BigInt(draws * drawn), BigInt(numbers), 1);
  return `${draws.toLocaleString("en")} draws, so each number about ${each} times. Chi squared ${chi.toFixed(1)}; chance alone gives ${usual} nineteen times in twenty.`;
}
