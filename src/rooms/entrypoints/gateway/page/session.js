// What stays in sight: the round and its clock, the balance, the net result, the time played.

import { el, measure, say, set, svg } from "./dom.js";
import { sol } from "./figures.js";
import { locksAt, opensAt } from "./schedule.js";
import { phaseSentence, playedWords, signed } from "./sentences.js";

const AROUND = 100;

/** Make the clock in `place`: a ring that runs out as the round takes its last tickets. */
export function clock(place) {
  const run = svg("circle", { class: "run", cx: "20", cy: "20", r: "17", pathLength: String(AROUND) });
  const ring = svg("svg", { viewBox: "0 0 40 40", "aria-hidden": "true" }, svg("circle", { class: "track", cx: "20", cy: "20", r: "17" }), run);
  const left = el("span", { class: "left", role: "timer" });
  const name = el("strong");
  const words = el("span", { class: "phase" });
  place.append(el("div", { class: "ring" }, ring, left), el("p", {}, name, words));
  return {
    update(terms, at, status, now, lost) {
      const { round, phase } = at;
      const next = phase === "locked" || phase === "opening";
      const [from, to] = next
        ? [locksAt(terms, round - (phase === "opening" ? 1 : 0)), opensAt(terms, round + (phase === "locked" ? 1 : 0))]
        : [opensAt(terms, round), locksAt(terms, round)];
      const rest = Math.max(0, to - now);
      measure(run, "--left", ((rest / Math.max(1, to - from)) * AROUND).toFixed(1));
      set(place, "data-phase", status === "RUNNING" ? phase : "stopped");
      say(left, status === "RUNNING" ? leftWords(rest) : "–");
      say(name, `Round ${round}`);
      say(words, lost ? "No connection to the house; trying again." : phaseSentence(at, status));
    },
  };
}

function leftWords(milliseconds) {
  const seconds = Math.ceil(milliseconds / 1000);
  if (seconds < 60) return `0:${String(seconds).padStart(2, "0")}`;
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

/** Make the session's figures in the list `place`. */
export function session(place) {
  const figures = ["Balance", "At stake", "Net result", "Played"].map((name) => {
    const value = el("dd");
    place.append(el("div", {}, el("dt", {}, name), value));
    return value;
  });
  const [balance, stake, result, played] = figures;
  return {
    update({ available, waiting, net, since, now }) {
      place.hidden = available === null;
      if (available === null) return;
      say(balance, sol(available));
      say(stake, sol(waiting));
      say(result, signed(net));
      set(result, "data-net", net > 0n ? "up" : net < 0n ? "down" : "even");
      say(played, playedWords(now - since));
    },
  };
}
