// One's own tickets, each with what became of it, in words.

import { el, keyed, say, set } from "./dom.js";
import { plural, sol } from "./figures.js";
import { signed, ticketWords } from "./sentences.js";
import { outcome } from "./table.js";

const MOST = 40;

/**
 * Put tickets together that wait for rounds to come: same numbers, same stake, one round after the
 * other. All others stand alone. Newest first.
 */
export function grouped(tickets, isWaiting) {
  const groups = [];
  for (const ticket of tickets) {
    const last = groups.at(-1);
    const next = last?.tickets.at(-1);
    const waiting = isWaiting(ticket);
    const follows = waiting && last?.waiting && next.round === ticket.round + 1
      && String(next.picks) === String(ticket.picks) && next.stake.amount === ticket.stake.amount;
    if (follows) last.tickets.push(ticket);
    else groups.push({ key: ticket.id, waiting, tickets: [ticket] });
  }
  return groups;
}

/** Make the list in `place`. `giveBack(tickets)` is asked for, `proof(ticket)` gives a link. */
export function ticketList(place, { giveBack, proof }) {
  const list = el("ul", { class: "tickets" });
  const none = el("p", { class: "label" }, "No ticket yet. What you buy stands here, with what became of it.");
  const older = el("p", { class: "label" });
  place.append(none, list, older);
  const show = keyed(list, (group) => group.key, (group) => item(group, { giveBack, proof }));
  return {
    /** `see(ticket)` gives {round, told, locked, opened} of a ticket. */
    update(tickets, see) {
      const groups = grouped(tickets, (ticket) => ticket.status === "ACCEPTED" && !see(ticket).opened);
      none.hidden = groups.length > 0;
      show(groups.slice(0, MOST).map((group) => ({ ...group, see })));
      say(older, groups.length > MOST ? `and ${plural(groups.length - MOST, "older one", "older ones")}` : "");
    },
  };
}

function item(group, { giveBack, proof }) {
  const name = el("span", { class: "ticket-round" });
  const words = el("span", { class: "ticket-words" });
  const came = el("span", { class: "came" });
  const picks = el("span", { class: "picks" }, ...group.tickets[0].picks.map((pick) => el("i", {}, String(pick))));
  const back = el("button", { type: "button", class: "plain" });
  const check = proof(group.tickets[0]);
  let latest = group;
  back.addEventListener("click", () => giveBack(latest.tickets));
  const node = el("li", { class: "ticket" }, el("div", { class: "pair" }, name, came), picks, el("div", { class: "pair" }, words, back, check));
  return {
    node,
    update(now) {
      latest = now;
      const { tickets, waiting, see } = now;
      const [ticket] = tickets;
      const { round, told, locked } = see(ticket);
      const stake = sol(ticket.stake.amount);
      const last = tickets.at(-1);
      say(name, tickets.length > 1 ? `Rounds ${last.round} to ${ticket.round}` : `Round ${ticket.round}`);
      say(words, waiting ? waitingWords(tickets, stake) : ticketWords(ticket, round, told, locked));
      const decided = told && ["WON", "LOST"].includes(ticket.status);
      const { net } = outcome([ticket]);
      const returned = ["REFUNDED", "CANCELLED"].includes(ticket.status);
      set(node, "data-came", decided ? (net > 0n ? "up" : "down") : returned ? "back" : "open");
      say(came, decided ? signed(net) : returned ? `${stake} back` : `stake ${stake}`);
      back.hidden = !waiting;
      say(back, tickets.length > 1 ? `Give ${tickets.length} back` : "Give back");
      check.hidden = !(told && round);
      const drawn = told && round?.draw ? round.draw : [];
      [...picks.children].forEach((each, index) => set(each, "data-drawn", drawn.includes(ticket.picks[index]) ? "yes" : "no"));
    },
  };
}

function waitingWords(tickets, stake) {
  return tickets.length > 1 ? `Accepted: ${tickets.length} tickets of ${stake}.` : "Accepted for a round to come.";
}
