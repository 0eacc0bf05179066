// What happens in keno, in sentences.

import { plural, sol } from "./figures.js";
import { catches, outcome } from "./table.js";

/** Write a net result with its sign in words for the ear and the eye: `plus 2.0000 SOL`. */
export function net(amount) {
  if (amount === 0n) return "net zero";
  return amount > 0n ? `net plus ${sol(amount)}` : `net minus ${sol(-amount)}`;
}

/** Write a signed amount for a narrow place: `+2.0000 SOL`. */
export function signed(amount) {
  return amount > 0n ? `+${sol(amount)}` : sol(amount);
}

/** Say what a round came to for the player, in one sentence; null without a decided ticket. */
export function roundSentence(round, tickets) {
  const name = `Round ${round.number}`;
  if (tickets.length === 0) return null;
  if (round.status === "VOID") return `${name} is void: no beacon came in time, and every stake is back.`;
  const refunded = tickets.filter((ticket) => ticket.status === "REFUNDED");
  if (refunded.length) {
    return `${name}: ${plural(refunded.length, "ticket was", "tickets were")} bound too late by the log, and the stake is back.`;
  }
  if (!round.draw || tickets.some((ticket) => ticket.status === "ACCEPTED")) return null;
  const { back, net: came } = outcome(tickets);
  const caught = tickets.map((ticket) => `${catches(ticket, round.draw)} of ${ticket.picks.length}`);
  const shown = caught.length > 3 ? plural(caught.length, "ticket", "tickets") : caught.join(" and ");
  return `${name}: ${shown}${caught.length > 3 ? "" : " drawn"}, ${backWords(back, came)}, ${net(came)}.`;
}

function backWords(back, came) {
  if (back === 0n) return "no prize";
  return came > 0n ? `win ${sol(back)}` : `${sol(back)} back`;
}

/** Say where the round is that the clock is in. */
export function phaseSentence({ round, phase }, status) {
  if (status === "PAUSED") return "The game is paused. Tickets that you have are drawn and paid as ever.";
  if (status === "DRAINING") return "The game sells no more tickets and will pause. Tickets that you have are drawn and paid.";
  if (phase === "opening") return `Round ${round} opens soon. Tickets are sold already.`;
  if (phase === "betting") return `Round ${round} takes tickets.`;
  if (phase === "closing") return `Round ${round} is closing: your next ticket is for round ${round + 1}.`;
  return `Round ${round} is locked. Tickets are for round ${round + 1} now.`;
}

/** Say what has become of a ticket; `told` says whether its round's draw may be told. */
export function ticketWords(ticket, round, told, locked) {
  if (ticket.status === "CANCELLED") return "Given back before its round opened.";
  if (ticket.status === "REFUNDED") {
    return ticket.reason === "LATE_BINDING"
      ? "Stake back: the log had it too late."
      : "Stake back: the round is void, no beacon came.";
  }
  if (ticket.status === "ACCEPTED") {
    if (round?.draw && told) return "Drawn, being paid.";
    if (round?.draw) return "Being drawn.";
    return locked ? "Locked in, waiting for the draw." : "Accepted.";
  }
  if (!told) return "Being drawn.";
  const { back, net: came } = outcome([ticket]);
  return `${ticket.catches} of ${ticket.picks.length} drawn, ${backWords(back, came)}.`;
}

/** Say how long somebody has played. */
export function playedWords(milliseconds) {
  const minutes = Math.floor(milliseconds / 60000);
  if (minutes < 60) return `${minutes}\u00a0min`;
  return `${Math.floor(minutes / 60)}\u00a0h ${minutes % 60}\u00a0min`;
}
