// A draw is shown over time, from the full result and the server's clock alone: who hears of it late
// sees as many numbers as everybody else, and two tabs show the same.

const BREATH = 300;
const LONGEST = 3500;

/** Say how long a draw of a game takes to be shown, in milliseconds. */
export function span(interval) {
  return Math.min(0.6 * interval, LONGEST);
}

/** Give how many of a round's numbers are shown at an instant; all at once where nothing may move. */
export function shown(round, interval, now, still = false) {
  if (!round.draw) return 0;
  const since = now - Date.parse(round.drawn_at) - BREATH;
  if (since < 0) return still ? round.draw.length : 0;
  if (still) return round.draw.length;
  return Math.min(round.draw.length, Math.floor((since / span(interval)) * round.draw.length) + 1);
}

/** Say whether all of a round's result may be told: it is drawn and shown, or will never be. */
export function isTold(round, interval, now, still = false) {
  if (round.status === "VOID" || round.status === "SKIPPED") return true;
  if (!round.draw) return false;
  // The last number has its moment too.
  return still || now >= Date.parse(round.drawn_at) + BREATH + span(interval);
}
