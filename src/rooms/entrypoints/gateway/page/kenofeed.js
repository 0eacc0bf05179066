// Keeps the table true: everything is read over HTTP at the start and after each gap, the feed moves
// it on, and while there is no feed the house is asked again and again.

import { feed } from "./feed.js";
import { currentPlayer, get } from "./player.js";
import { takeGame, takeRound, takeTicket, ticketsOf } from "./table.js";
import { setClock } from "./time.js";

const FIRST_ROUNDS = 30;
const PAGE = 200;
const MOST_PAGES = 5;
const ASK_EVERY = 1500;
const TOLD_WITHIN = 1500;

/** Let `act` run once at a time, and once more where it was asked for while it ran. */
export function once(act) {
  let running = null;
  let again = false;
  return function run() {
    if (running) {
      again = true;
      return running;
    }
    running = act().finally(() => {
      running = null;
      if (again) {
        again = false;
        run().catch(() => {});
      }
    });
    return running;
  };
}

/**
 * Follow a game. `changed()` is called when the table has changed, `state(name)` with `live`,
 * `asking` (no feed: it asks) or `lost`. `paytable(spots)` is called for each new pay table.
 */
export function follow({ name, table, changed, state, paytable }) {
  const path = `/v1/keno/games/${encodeURIComponent(name)}`;
  let feeding = false;
  let known = null;
  let balancesHeard = 0;

  const readGame = once(async () => {
    const asked = Date.now();
    const game = await get(path);
    setClock(new Date(Date.parse(game.at) + (Date.now() - asked) / 2).toISOString());
    takeGame(table, game);
    const hash = game.terms.paytable_hash;
    if (hash === known) return;
    paytable((await get(`/v1/keno/paytables/${hash}`)).spots);
    known = hash;
  });

  const readRounds = once(async () => {
    const found = await get(`${path}/rounds?limit=${FIRST_ROUNDS}`);
    found.items.forEach((round) => takeRound(table, round));
  });

  const readOwn = once(async () => {
    const mine = currentPlayer();
    if (mine === null) return;
    const first = table.tickets.size === 0;
    let next = null;
    for (let page = 0; page < MOST_PAGES; page += 1) {
      const more = next ? `&cursor=${next}` : "";
      const found = await get(`/v1/keno/tickets?game=${name}&limit=${PAGE}${more}`, { own: true });
      if (currentPlayer() !== mine) return;
      const undecided = found.items.some((ticket) => table.tickets.get(ticket.id)?.status === "ACCEPTED");
      found.items.forEach((ticket) => takeTicket(table, ticket));
      next = found.next;
      if (!next || !(first || undecided)) break;
    }
    const heardBefore = balancesHeard;
    const { balances } = await get("/v1/wallet", { own: true });
    // What the feed said while this was asked is newer.
    if (currentPlayer() === mine && balancesHeard === heardBefore) table.wallet = balances;
  });

  const read = once(async () => {
    try {
      await readGame();
      await Promise.all([readRounds(), readOwn()]);
      state(feeding ? "live" : "asking");
    } catch (problem) {
      if (problem.status === 404) state("missing");
      else if (problem.status !== 401) state("lost");
    }
    changed();
  });

  const own = () => readOwn().then(changed, () => {});
  const heard = ({ type, data }) => {
    if (type.startsWith("round.")) {
      takeRound(table, data);
      if (data.settled_at) setTimeout(askIfUntold, TOLD_WITHIN, data.number);
    } else if (type === "game.changed") takeGame(table, data);
    else if (type === "ticket.settled") takeTicket(table, data);
    else if (type === "wallet.changed") {
      balancesHeard += 1;
      table.wallet = data.balances;
    }
    changed();
  };
  /** Own tickets of a paid round are told by the feed; what it has not told is asked for. */
  const askIfUntold = (number) => {
    if (ticketsOf(table, number).some((ticket) => ticket.status === "ACCEPTED")) own();
  };
  const show = (topic, data) => {
    if (topic === "me") return own();
    takeGame(table, data.game);
    data.rounds.forEach((round) => takeRound(table, round));
    return readGame().then(changed, () => {});
  };

  const topics = () => [`keno:${name}`, ...(currentPlayer() ? ["me"] : [])];
  const live = feed({
    topics,
    token: () => currentPlayer()?.token ?? null,
    take: heard,
    show,
    denied: own,
    state(now) {
      const before = feeding;
      feeding = now === "live";
      if (feeding !== before) read();
    },
  });
  setInterval(() => !feeding && !document.hidden && read(), ASK_EVERY);
  document.addEventListener("visibilitychange", () => !document.hidden && read());
  read();
  return {
    read,
    own,
    /** Somebody else plays now, or nobody. */
    playerChanged() {
      live.restart();
      own();
    },
  };
}
