// The ticket being made out: stake, rounds, what it could win, and the limits where they bite.

import { el, keyed, say, set } from "./dom.js";
import { plural, readSol, sol, typedSol } from "./figures.js";
import { largestStake, prize, top } from "./odds.js";

const ROUNDS = [1, 5, 10, 20, 100];
const PRESETS = [10n, 50n, 100n, 500n, 1000n];

function limitsOf(terms) {
  return Object.fromEntries(
    ["stake_min", "stake_max", "stake_step", "max_win"].map((name) => [name, BigInt(terms[name].amount)]),
  );
}

/** Say why a ticket cannot be sold as it stands, and which stake would do; null where it can. */
export function objection({ picks, stake, rounds, row, terms, available }) {
  const limits = limitsOf(terms);
  const most = terms.spots.at(-1);
  if (picks.size === 0) return { words: `Mark 1 to ${most} numbers, or let chance pick them.` };
  if (!row) return { words: `${plural(picks.size, "number", "numbers")} cannot be played here. Mark ${terms.spots.join(", ")}.` };
  if (stake === null) return { words: "Write the stake as a number, like 0.05." };
  const { stake_min: least, stake_max: highest, stake_step: step } = limits;
  if (stake < least) return { words: `The smallest stake is ${sol(least)}.`, use: least };
  if (stake > highest) return { words: `The largest stake is ${sol(highest)}.`, use: highest };
  if (stake % step) return { words: `Stakes go in steps of ${sol(step)}.`, use: stake - (stake % step) };
  const fits = largestStake(row, limits.max_win, step);
  if (stake > fits) {
    const words = `With ${plural(picks.size, "number", "numbers")} this stake could win ${sol(prize(top(row), stake))}. One ticket wins at most ${sol(limits.max_win)}, and no sold prize is ever shortened: ${sol(fits)} is the largest stake that fits.`;
    return { words, use: fits };
  }
  const total = stake * BigInt(rounds);
  if (available !== null && total > available) {
    const share = available / BigInt(rounds);
    const use = share - (share % step);
    return { words: `You have ${sol(available)}, this needs ${sol(total)}.`, use: use >= least ? use : null };
  }
  return null;
}

function choice(name, values, label, choose) {
  const buttons = values.map((value) => {
    const button = el("button", { type: "button", class: "chip", "aria-pressed": "false" }, label(value));
    button.addEventListener("click", () => choose(value));
    return [value, button];
  });
  const node = el("div", { class: "chips", role: "group", "aria-label": name }, ...buttons.map(([, button]) => button));
  return { node, show: (chosen) => buttons.forEach(([value, button]) => set(button, "aria-pressed", value === chosen)) };
}

/** Make the slip in `place`. It calls `change({stake, rounds})`, `buy()`, `join()`. */
export function slip(place, terms, { change, buy, join }) {
  const limits = limitsOf(terms);
  const amounts = PRESETS.map((times) => times * limits.stake_min).filter((each) => each <= limits.stake_max);
  const typed = el("input", { id: "stake", inputmode: "decimal", autocomplete: "off", "aria-describedby": "objection" });
  typed.addEventListener("input", () => change({ stake: readSol(typed.value) }));
  const presets = choice("Stake presets", amounts, typedSol, (stake) => change({ stake }));
  const rounds = choice("Consecutive rounds", ROUNDS, String, (count) => change({ rounds: count }));
  const could = el("p", { class: "could" });
  const total = el("output", { class: "total", for: "stake" });
  const words = el("span");
  const use = el("button", { type: "button", class: "plain" });
  const objected = el("p", { class: "objection", id: "objection" }, words, " ", use);
  const button = el("button", { type: "button", class: "buy" });
  const free = el("p", { class: "label" });
  let offered = null;
  use.addEventListener("click", () => change({ stake: offered }));
  let act = buy;
  // The second half of a double click is no second purchase.
  button.addEventListener("click", (event) => event.detail > 1 || act());
  place.append(
    el("div", { class: "field" }, el("label", { for: "stake" }, "Stake per round, in SOL"), typed, presets.node),
    el("div", { class: "field" }, el("span", { class: "name-of" }, "Rounds"), rounds.node),
    could,
    el("div", { class: "pair sum" }, el("span", {}, "Together"), total),
    objected,
    button,
    free,
  );
  return {
    update({ stake, rounds: count, row, reason, target, player, canJoin, stopped }) {
      if (readSol(typed.value) !== stake && document.activeElement !== typed) typed.value = stake === null ? typed.value : typedSol(stake);
      if (stake !== null && readSol(typed.value) !== stake) typed.value = typedSol(stake);
      presets.show(stake);
      rounds.show(count);
      say(total, stake === null ? "" : sol(stake * BigInt(count)));
      say(could, row && stake !== null ? `Wins at most ${sol(prize(top(row), stake))} in a round, stake included.` : "");
      offered = reason?.use ?? null;
      say(words, player ? (reason?.words ?? "") : "");
      use.hidden = offered === null;
      say(use, offered === null ? "" : `Use ${typedSol(offered)}`);
      objected.hidden = words.textContent === "";
      act = player ? buy : join;
      button.hidden = !player && !canJoin;
      button.disabled = stopped || Boolean(player && reason);
      say(button, player ? buyWords(target, count) : "Play with 100 SOL of play money");
      say(free, player ? "" : canJoin ? "No sign-up: this browser becomes a player of the sandbox. Play money has no value." : "Watching only: this house has no play money, and its players come in by other ways.");
    },
  };
}

function buyWords(round, count) {
  return count === 1 ? `Buy for round ${round}` : `Buy for rounds ${round} to ${round + count - 1}`;
}

/** Show orders that are under way or refused, in words. */
export function notices(place, { next, close }) {
  const show = keyed(place, (order) => order.key, (order) => {
    const words = el("p");
    const more = el("p", { class: "label" });
    const again = el("button", { type: "button", class: "plain" }, "Play the next round");
    const shut = el("button", { type: "button", class: "plain" }, "Close");
    again.addEventListener("click", () => next(order));
    shut.addEventListener("click", () => close(order));
    const node = el("li", { class: "notice order", role: "status" }, words, more, el("div", { class: "actions" }, again, shut));
    return {
      node,
      update(now) {
        set(node, "data-state", now.state);
        const [first, second] = orderWords(now);
        say(words, first);
        say(more, second);
        const refused = now.state === "refused";
        again.hidden = !refused || now.problem.code !== "E-ROUND-CLOSED";
        shut.hidden = !refused;
      },
    };
  });
  return show;
}

/** Say where an order is: pending, unknown, or refused and where the money is. */
export function orderWords({ state, body, problem }) {
  const what = body.rounds === 1 ? `round ${body.round}` : `${body.rounds} rounds from ${body.round}`;
  if (state === "asking") return [`Asking the house for ${what}…`, ""];
  if (state === "checking") {
    return [`Checking ${what}…`, "The answer is late. Your ticket may stand or not; the same question finds out, and you cannot pay twice."];
  }
  if (problem.code === "E-ROUND-CLOSED") {
    return [`Round ${body.round} locked before your ticket arrived.`, "Nothing was taken."];
  }
  return [`${problem.title}. ${problem.detail}`, `${problem.money} ${problem.next} (${problem.code})`];
}
