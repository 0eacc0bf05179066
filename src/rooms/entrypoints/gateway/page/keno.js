// The keno page. What is shown follows from what is known (table.js), the server's clock and the
// ticket being made out; the clock turns it all, ten times a second while numbers come.

import { choosing } from "./choosing.js";
import { turnable } from "./direction.js";
import { el, say, set } from "./dom.js";
import { heat, lastDraws, remembered } from "./draws.js";
import { follow } from "./kenofeed.js";
import { orders } from "./orders.js";
import { paytable } from "./paytable.js";
import { command, currentPlayer, freshKey, get, hasPlayMoney, onNews, onPlayer, signUp, tellTabs } from "./player.js";
import { proofLink, roundProof, ticketProof } from "./proofs.js";
import { realityCheck } from "./reality.js";
import { isTold, shown } from "./reveal.js";
import { locksAt, opensAt, phase, reachable } from "./schedule.js";
import { clock, session } from "./session.js";
import { notices, objection, slip } from "./slip.js";
import { saying, tray } from "./stage.js";
import { catches, drawn, forgetPlayer, newTable, outcome, ownTickets, takeTicket, ticketsOf } from "./table.js";
import { ticketList } from "./tickets.js";
import { atSecond, serverNow } from "./time.js";

const MOVING = 100;
const STILL = 250;
const LAST = 20;
const PAGE = 200;
const MOST_DRAWS = 10000;

const byId = (id) => document.getElementById(id);
const name = new URLSearchParams(location.search).get("game") ?? "keno-main";
const still = matchMedia("(prefers-reduced-motion: reduce)");
const table = newTable();
const ticket = { picks: new Set(), stake: null, rounds: 1 };
const history = { draws: [], window: 100, loading: false, turn: 0 };
let canJoin = false;
let parts = null;
let spots = null;
let asOf = null;

const tickets = `/v1/keno/games/${encodeURIComponent(name)}/tickets`;
const purchases = orders({
  kept: `rooms.orders ${name}`,
  accepted(answer) {
    answer.tickets.forEach((each) => takeTicket(table, each));
    live.own();
    tellTabs();
    turn();
  },
  changed: () => parts && turn(),
});

function buy() {
  const { terms } = table.game;
  const first = reachable(terms, serverNow());
  const stake = { amount: String(ticket.stake), asset: table.game.asset };
  purchases.place(tickets, { picks: [...ticket.picks], stake, rounds: ticket.rounds, round: first });
}

/** Sell what was refused because its round had locked for the round that is open now. */
function playNext(order) {
  purchases.close(order);
  purchases.place(tickets, { ...order.body, round: reachable(table.game.terms, serverNow()) });
}

async function join() {
  try {
    await signUp();
  } catch (problem) {
    say(byId("said"), `${problem.title}. ${problem.next}`);
  }
}

async function giveBack(given) {
  for (const each of given) {
    try {
      takeTicket(table, await command("DELETE", `/v1/keno/tickets/${each.id}`, null, freshKey()));
    } catch (problem) {
      say(byId("said"), `${problem.title}. ${problem.money}`);
      break;
    }
  }
  live.own();
  tellTabs();
}

/** Read the draws of so many rounds for the heat map, page by page. */
async function readHistory(count) {
  const mine = (history.turn += 1);
  history.window = count;
  history.loading = history.draws.length < count;
  if (!history.loading) return;
  const draws = [];
  let next = "";
  do {
    const path = `/v1/keno/games/${encodeURIComponent(name)}/rounds?limit=${Math.min(PAGE, count + 10)}`;
    const part = await get(path + next).catch(() => ({ items: [], next: null }));
    if (mine !== history.turn) return;
    draws.push(...part.items.filter((round) => round.draw).map((round) => [round.number, round.draw]));
    next = part.next && `&cursor=${part.next}`;
    history.draws = draws;
  } while (next && draws.length < count);
  history.loading = false;
}

function repeat() {
  const [last] = ownTickets(table);
  return last ? last.picks : null;
}

function build(terms) {
  const list = el("ul", { class: "orders" });
  const own = el("div");
  byId("own").append(list, own);
  const numbers = { grid: byId("board"), tools: byId("tools"), label: byId("picked") };
  ticket.stake = BigInt(terms.stake_min.amount) * 10n;
  return {
    terms,
    clock: clock(byId("clock")),
    session: session(byId("session")),
    tray: tray(byId("tray"), byId("stage-heading"), terms),
    saying: saying(byId("said")),
    reality: realityCheck(byId("reality"), { leave: () => location.assign("/") }),
    choosing: choosing(numbers, terms, {
      chosen(picks) {
        ticket.picks = picks;
        turn();
      },
      repeat,
    }),
    slip: slip(byId("slip"), terms, {
      change(what) {
        Object.assign(ticket, what);
        turn();
      },
      buy,
      join,
    }),
    notices: notices(list, { next: playNext, close: purchases.close }),
    own: ticketList(own, { giveBack, proof: (each) => proofLink(ticketProof(each), `your ticket of round ${each.round}`) }),
    pays: paytable(byId("pays"), terms, spots),
    last: lastDraws(byId("last"), { proof: (round) => proofLink(roundProof(name, round), `round ${round}`) }),
    heat: heat(byId("heat"), terms, readHistory),
  };
}

/** Give the balance as it may be told: a prize is not in it before its draw was shown. */
function available(told) {
  const balance = table.wallet?.find((each) => each.asset === table.game.asset);
  if (!balance) return table.wallet ? 0n : null;
  const secret = ownTickets(table).filter((each) => each.status === "WON" && !told(each.round));
  return secret.reduce((sum, each) => sum - BigInt(each.prize.amount), BigInt(balance.available.amount));
}

/** Show all as it is now; says whether something moves. */
function turn() {
  if (!parts || document.hidden) return false;
  const { game } = table;
  const { terms } = parts;
  const now = serverNow();
  const { next_terms: next } = game;
  if (next && now >= opensAt(next, next.first_round)) live.read();
  const calm = still.matches;
  const told = (number) => {
    const round = table.rounds.get(number);
    return round ? isTold(round, terms.interval_ms, now, calm) : true;
  };
  const onStage = drawn(table).find((round) => shown(round, terms.interval_ms, now, calm) > 0) ?? null;
  const count = onStage ? shown(onStage, terms.interval_ms, now, calm) : 0;
  const mine = onStage ? ticketsOf(table, onStage.number) : [];
  const caught = new Set(mine.flatMap((each) => each.picks));
  const money = available(told);
  const row = spots[String(ticket.picks.size)];
  const player = currentPlayer();

  parts.clock.update(terms, phase(terms, now), game.status, now, "lost" in document.body.dataset);
  const decided = ownTickets(table).filter((each) => each.status === "ACCEPTED" || told(each.round));
  const [since, came] = [player?.since ?? now, outcome(decided)];
  parts.session.update({ ...came, available: money, since, now });
  parts.reality.update({ playing: player !== null, since, now, outcome: came });
  parts.tray.update(onStage, count, caught);
  parts.choosing.update({ shown: onStage ? onStage.draw.slice(0, count) : [], caught });
  parts.slip.update({
    ...ticket,
    row,
    reason: objection({ ...ticket, row, terms, available: money }),
    target: reachable(terms, now),
    player,
    canJoin,
    stopped: game.status !== "RUNNING",
  });
  parts.notices(purchases.all());
  parts.own.update(ownTickets(table), (each) => ({
    round: table.rounds.get(each.round) ?? null,
    told: told(each.round),
    locked: now >= locksAt(terms, each.round),
    opened: now >= opensAt(terms, each.round),
  }));
  const whole = onStage && told(onStage.number) && mine.length === 1;
  parts.pays.update({ count: ticket.picks.size, stake: ticket.stake, caught: whole && mine[0].picks.length === ticket.picks.size ? catches(mine[0], onStage.draw) : null });
  showPast(told);
  return onStage !== null && !told(onStage.number);
}

function showPast(told) {
  const rounds = [...table.rounds.values()].sort((a, b) => b.number - a.number);
  const over = rounds.filter((round) => (round.draw || ["VOID", "SKIPPED"].includes(round.status)) && told(round.number));
  parts.last(over.slice(0, LAST).map((round) => ({ ...round, caught: new Set(ticketsOf(table, round.number).flatMap((each) => each.picks)) })));
  // What is being read page by page is not touched; afterwards each draw is kept as it is told.
  if (!history.loading) history.draws = remembered(history.draws, over, MOST_DRAWS);
  parts.heat.update(history.draws, history.window, history.loading);
  parts.saying.update([...over].reverse().map((round) => [round, ticketsOf(table, round.number)]));
}

const LINES = {
  live: "Live",
  asking: "Connected; asking every second",
  missing: "There is no such game",
};

function connection(state) {
  const line = byId("line");
  const lost = state === "lost";
  if (!lost) asOf = serverNow();
  set(line, "data-state", lost ? "lost" : "live");
  const since = asOf === null ? "No connection yet" : `Connection lost; as of ${atSecond(asOf)}`;
  say(line, lost ? `${since}. Trying again…` : LINES[state]);
  if (lost) set(document.body, "data-lost", "yes");
  else document.body.removeAttribute("data-lost");
}

function changed() {
  if (table.game === null || spots === null) return;
  // Other terms make another board: the page begins anew, and knows its player still.
  if (parts && parts.terms.chain !== table.game.terms.chain) location.reload();
  if (parts === null) {
    parts = build(table.game.terms);
    byId("waiting").hidden = true;
    byId("felt").hidden = false;
    // What was over before this page was opened is shown, and not spoken.
    const over = drawn(table).filter((round) => isTold(round, parts.terms.interval_ms, serverNow(), still.matches));
    parts.saying.skip(over.map((round) => round.number));
    readHistory(history.window);
  }
  turn();
}

const live = follow({
  name,
  table,
  changed,
  state: connection,
  paytable: (found) => (spots = found),
});

let whose = currentPlayer()?.id ?? null;
onPlayer((player) => {
  const id = player?.id ?? null;
  if (id === whose) return;
  whose = id;
  forgetPlayer(table);
  purchases.forget();
  live.playerChanged();
});
onNews(live.own);
hasPlayMoney().then((can) => {
  canJoin = can;
  byId("ribbon").hidden = !can;
  turn();
}, () => {});
if (currentPlayer()) purchases.resume();
turnable(byId("direction"));
function turning() {
  const moving = turn();
  setTimeout(turning, moving ? MOVING : STILL);
}
turning();
get("/v1/keno/games").then(({ items }) => {
  const links = items.flatMap(({ game }) => [el("a", { href: `/keno?game=${encodeURIComponent(game)}`, "aria-current": game === name ? "page" : null }, game), " "]);
  byId("games").append("Games: ", ...links);
}, () => {});
