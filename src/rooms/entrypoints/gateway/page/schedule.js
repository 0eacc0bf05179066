// Rounds by the server's clock: when each opens and locks follows from the terms, nothing is asked.

// So much before its lock a round is left to those who have decided: a ticket sent now comes late.
export const CLOSING = 400;

export function opensAt(terms, round) {
  return Date.parse(terms.epoch) + (round - terms.first_round) * terms.interval_ms;
}

export function locksAt(terms, round) {
  return opensAt(terms, round) + terms.interval_ms - terms.lead_ms;
}

/** Give the round whose slot this instant lies in; before the first slot, the first. */
export function roundAt(terms, now) {
  const slots = Math.floor((now - Date.parse(terms.epoch)) / terms.interval_ms);
  return terms.first_round + Math.max(0, slots);
}

/** Give the first round that a ticket sent now would still reach. */
export function reachable(terms, now) {
  const round = roundAt(terms, now);
  return now < locksAt(terms, round) - CLOSING ? round : round + 1;
}

/** Say where the clock is: `opening` before the first slot, then `betting`, `closing`, `locked`. */
export function phase(terms, now) {
  const round = roundAt(terms, now);
  if (now < opensAt(terms, round)) return { round, phase: "opening" };
  if (now < locksAt(terms, round) - CLOSING) return { round, phase: "betting" };
  return { round, phase: now < locksAt(terms, round) ? "closing" : "locked" };
}
