// What the keno page knows. What was read over HTTP and what the feed says are taken in alike, in
// any order: rounds and tickets only move forward, so an older word never undoes a newer one.

const ROUND = ["OPEN", "LOCKED", "DRAWN", "SETTLED"];
const KEPT_ROUNDS = 60;

const rank = (status) => (ROUND.includes(status) ? ROUND.indexOf(status) : ROUND.length);

/** Begin to know a game: nothing is known yet. */
export function newTable() {
  return { game: null, spots: null, rounds: new Map(), tickets: new Map(), wallet: null };
}

export function takeGame(table, game) {
  if (table.game === null || game.at >= table.game.at) table.game = game;
}

export function takeRound(table, round) {
  const known = table.rounds.get(round.number);
  if (known && rank(known.status) > rank(round.status)) return;
  table.rounds.set(round.number, { ...known, ...round });
  if (table.rounds.size <= KEPT_ROUNDS) return;
  table.rounds.delete(Math.min(...table.rounds.keys()));
}

export function takeTicket(table, ticket) {
  const known = table.tickets.get(ticket.id);
  if (known && known.status !== "ACCEPTED") return;
  table.tickets.set(ticket.id, { ...known, ...ticket });
}

/** Forget what was the player's: somebody else plays now. */
export function forgetPlayer(table) {
  table.tickets.clear();
  table.wallet = null;
}

/** Give the rounds that have a draw, newest first. */
export function drawn(table) {
  return [...table.rounds.values()].filter((round) => round.draw).sort((a, b) => b.number - a.number);
}

/** Give one's own tickets, newest first. */
export function ownTickets(table) {
  // Numbers as text: the longer is the greater.
  return [...table.tickets.values()].sort((a, b) => b.id.length - a.id.length || (b.id > a.id ? 1 : -1));
}

export function ticketsOf(table, round) {
  return [...table.tickets.values()].filter((ticket) => ticket.round === round && ticket.status !== "CANCELLED");
}

/** Say what tickets came to: stakes of those decided, what came back, and what is still at stake. */
export function outcome(tickets) {
  const sums = { staked: 0n, back: 0n, waiting: 0n };
  for (const ticket of tickets) {
    const stake = BigInt(ticket.stake.amount);
    if (ticket.status === "ACCEPTED") sums.waiting += stake;
    else if (ticket.status === "WON" || ticket.status === "LOST") {
      sums.staked += stake;
      sums.back += BigInt(ticket.prize?.amount ?? 0);
    }
  }
  return { ...sums, net: sums.back - sums.staked };
}

/** Give how many of a ticket's numbers are among those drawn. */
export function catches(ticket, draw) {
  return ticket.picks.filter((pick) => draw.includes(pick)).length;
}
