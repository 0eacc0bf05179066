// Purchases and bets under way. Each has a key, kept until the house has said yes or no to it: an answer that
// is late or lost is asked for again under the same key, so nothing is bought twice and nothing that
// may stand is called an error.

import { command, freshKey } from "./player.js";

const ASK_AGAIN = [500, 1000, 2000, 4000];

/**
 * Keep orders in this tab under the name `kept`; `accepted(answer)` hears what the house answered,
 * `changed()` of every change.
 * An order is {key, path, body, state, problem}, state `asking`, `checking` or `refused`.
 */
export function orders({ kept, accepted, changed }) {
  let open = [];

  function keep() {
    try {
      const undecided = open.filter((order) => order.state !== "refused");
      sessionStorage.setItem(kept, JSON.stringify(undecided));
    } catch {
      // Then a reload forgets what it asked; the tickets themselves are read from the house.
    }
    changed();
  }

  async function ask(order, tries = 0) {
    try {
      const answer = await command("POST", order.path, order.body, order.key);
      open = open.filter((each) => each !== order);
      accepted(answer);
    } catch (problem) {
      order.problem = problem;
      order.state = problem.unknown ? "checking" : "refused";
      const wait = ASK_AGAIN[Math.min(tries, ASK_AGAIN.length - 1)];
      if (problem.unknown) setTimeout(() => ask(order, tries + 1), wait);
    }
    keep();
  }

  return {
    all: () => open,
    place(path, body) {
      const order = { key: freshKey(), path, body, state: "asking", problem: null };
      open = [order, ...open.filter((each) => each.state !== "refused")];
      keep();
      return ask(order);
    },
    close(order) {
      open = open.filter((each) => each !== order);
      keep();
    },
    /** Ask again for what was under way when the page was left. */
    resume() {
      let found = [];
      try {
        found = JSON.parse(sessionStorage.getItem(kept) ?? "[]");
      } catch {
        return;
      }
      open = found.map((order) => ({ ...order, state: "checking" }));
      if (open.length) keep();
      open.forEach((order) => ask(order));
    },
    /** Forget all: another player's orders are not this one's. */
    forget() {
      open = [];
      keep();
    },
  };
}
