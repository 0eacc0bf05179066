// The draw as it is shown, number by number, and the one sentence that is said of each round.

import { el, say, set } from "./dom.js";
import { net, roundSentence } from "./sentences.js";
import { outcome } from "./table.js";

const MOST_AT_ONCE = 3;

/** Make the tray of a draw in `list`, under `heading`. */
export function tray(list, heading, { drawn }) {
  const balls = Array.from({ length: drawn }, () => el("li", {}));
  list.append(...balls);
  return {
    /** Show so many numbers of a round, null where none is drawn yet. */
    update(round, count, caught) {
      say(heading, round ? `Draw of round ${round.number}` : "The draw");
      balls.forEach((ball, place) => {
        const number = round && place < count ? round.draw[place] : null;
        say(ball, number === null ? "" : String(number));
        set(ball, "data-drawn", number === null ? "no" : caught.has(number) ? "caught" : "yes");
      });
    },
  };
}

/** Say each of the player's rounds once, when it may be told. What was over before is not said. */
export function saying(place) {
  const said = new Set();
  return {
    /** Take rounds as said. */
    skip: (numbers) => numbers.forEach((number) => said.add(number)),
    /** `rounds` are those that may be told: [round, its own tickets]. */
    update(rounds) {
      const news = [];
      for (const [round, tickets] of rounds) {
        if (said.has(round.number)) continue;
        const sentence = roundSentence(round, tickets);
        if (sentence === null) continue;
        said.add(round.number);
        news.push([sentence, outcome(tickets)]);
      }
      if (news.length === 0) return;
      const came = news.reduce((sum, [, each]) => sum + each.net, 0n);
      const many = `${news.length} of your rounds were drawn, ${net(came)}.`;
      say(place, news.length > MOST_AT_ONCE ? many : news.map(([sentence]) => sentence).join(" "));
      // Only a gain is one: what brings back the stake or less is told as plainly as a loss.
      set(place, "data-net", came > 0n ? "up" : "even");
    },
  };
}
