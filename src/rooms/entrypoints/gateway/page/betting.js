// Betting from a room's page: a side, a stake on a slider, what it would be paid now, the bet, and
// what came of it.

import { el, say, set } from "./dom.js";
import { panel } from "./evidence.js";
import { readSol, sol, typedSol } from "./figures.js";
import { orders } from "./orders.js";
import { currentPlayer, get, hasPlayMoney, onPlayer, signUp } from "./player.js";

const LEAST = 1000000n;
const MOST = 1000000000000n;
const STEPS = 100;
const QUOTE_AFTER = 150;
const SIDES = ["YES", "NO"];

/** Give the stake at a place of the slider, 0 to 100: even steps are even ratios, two digits each. */
export function stakeAt(place, most) {
  if (most <= LEAST) return LEAST;
  if (place >= STEPS) return most;
  const size = Number(LEAST) * (Number(most) / Number(LEAST)) ** (place / STEPS);
  const unit = 10 ** Math.max(0, Math.floor(Math.log10(size)) - 1);
  return BigInt(Math.round(size / unit)) * BigInt(unit);
}

/** Give the place on the slider that is nearest to a stake. */
export function placeOf(stake, most) {
  if (stake <= LEAST || most <= LEAST) return 0;
  const place = (STEPS * Math.log(Number(stake) / Number(LEAST))) / Math.log(Number(most) / Number(LEAST));
  return Math.min(STEPS, Math.round(place));
}

/** Say what a quote means: what would come back now, and that it may be less than the stake. */
export function quoteWords({ side, stake, payout, dividend }) {
  const [in_, back] = [BigInt(stake.amount), BigInt(payout.amount)];
  if (back > in_) return `If ${side} came out now you would get ${sol(back)} back for ${sol(in_)}, a gain of ${sol(back - in_)} (dividend ${dividend}).`;
  if (back === in_) return `If ${side} came out now you would get your ${sol(in_)} back and nothing more.`;
  return `If ${side} came out now you would get ${sol(back)} back for ${sol(in_)}: a loss of ${sol(in_ - back)}.`;
}

/** Say what an own bet is, or what came of it. */
export function betWords(bet) {
  const what = `${sol(bet.stake.amount)} on ${bet.side}`;
  if (bet.net === null) return `You hold ${what}. A player has one bet in a room.`;
  const net = BigInt(bet.net.amount);
  const back = sol(bet.payout?.amount ?? 0);
  if (net > 0n) return `You staked ${what} and were paid ${back}: net plus ${sol(net)}.`;
  if (net === 0n) return `You staked ${what}, and the stake came back.`;
  return `You staked ${what}. ${back} came back: net minus ${sol(-net)}.`;
}

function orderWords({ state, body, problem }) {
  const what = `${sol(body.stake.amount)} on ${body.side}`;
  if (state === "asking") return `Placing ${what}…`;
  if (state === "checking") return `Checking ${what}… The answer is late. Your bet may stand or not; the same question finds out, and you cannot pay twice.`;
  return `${problem.title}. ${problem.detail} ${problem.money} ${problem.next} (${problem.code})`;
}

function radios(choose) {
  const inputs = SIDES.map((side) => {
    const input = el("input", { type: "radio", name: "side", value: side, id: `side-${side}` });
    input.addEventListener("change", () => choose(side));
    return [side, input];
  });
  const node = el("fieldset", { class: "sides" }, el("legend", {}, "Side"), ...inputs.map(([side, input]) => el("label", { for: input.id, "data-side": side }, input, side)));
  return { node, show: (chosen) => inputs.forEach(([side, input]) => (input.checked = side === chosen)) };
}

/** Make the panel for a room; `update(room)` keeps it in step, `changed()` hears of own bets. */
export function betting(id) {
  const chosen = { side: "YES", stake: 100000000n };
  let room = null;
  let mine = null;
  let balance = null;
  let canJoin = false;
  let quoted = null;
  let waiting = null;

  const sides = radios((side) => choose({ side }));
  const slider = el("input", { type: "range", id: "stake-slider", min: "0", max: String(STEPS), "aria-describedby": "quote" });
  const typed = el("input", { id: "stake", inputmode: "decimal", autocomplete: "off", "aria-describedby": "quote" });
  const quote = el("p", { class: "quote", id: "quote" });
  const label = el("p", { class: "label" }, "An estimate: every bet after yours moves it, until lock. If your side does not come out, the stake is lost.");
  const have = el("p", { class: "label" });
  const act = el("button", { type: "button", class: "buy" });
  const form = el(
    "div",
    { class: "bet-form" },
    sides.node,
    el("div", { class: "field" }, el("label", { for: "stake-slider" }, "Stake"), slider),
    el("div", { class: "field" }, el("label", { for: "stake" }, "Stake in SOL"), typed),
    quote,
    label,
    act,
    have,
  );
  const said = el("p", { class: "said", role: "status" });
  const node = panel("bet", "Bet", said, form);

  const placed = orders({
    kept: `rooms.orders room ${id}`,
    accepted(bet) {
      mine = { ...bet, net: null };
      readOwn();
    },
    changed: show,
  });

  slider.addEventListener("input", () => choose({ stake: stakeAt(Number(slider.value), most()) }));
  typed.addEventListener("input", () => choose({ stake: readSol(typed.value) }));
  // The second half of a double click neither joins twice nor bets.
  act.addEventListener("click", (event) => event.detail > 1 || (currentPlayer() ? bet() : join()));

  const most = () => (balance === null || balance > MOST ? MOST : balance);
  const takesBets = () => room !== null && ["QUEUING", "OPEN"].includes(room.status);

  function choose(what) {
    Object.assign(chosen, what);
    quoted = null;
    show();
    askQuote();
  }

  function bet() {
    const stake = { amount: String(chosen.stake), asset: "SOL" };
    placed.place(`/v1/rooms/${id}/bets`, { side: chosen.side, stake });
  }

  async function join() {
    try {
      await signUp();
    } catch (problem) {
      say(said, `${problem.title}. ${problem.next}`);
    }
  }

  /** Ask what the stake would be paid, once the hand rests. */
  function askQuote() {
    clearTimeout(waiting);
    if (!takesBets() || chosen.stake === null || chosen.stake <= 0n) return;
    waiting = setTimeout(async () => {
      const asked = { ...chosen };
      try {
        const found = await get(`/v1/rooms/${id}/quote?side=${asked.side}&stake=${asked.stake}`);
        if (asked.side === chosen.side && asked.stake === chosen.stake) quoted = found;
      } catch (problem) {
        quoted = { problem };
      }
      show();
    }, QUOTE_AFTER);
  }

  async function readOwn() {
    const player = currentPlayer();
    if (player === null) return;
    try {
      const [bets, wallet] = await Promise.all([get("/v1/bets?limit=200", { own: true }), get("/v1/wallet", { own: true })]);
      mine = bets.items.find((each) => each.room_id === id) ?? mine;
      balance = BigInt(wallet.balances.find((each) => each.asset === "SOL")?.available.amount ?? 0);
    } catch {
      return;
    }
    show();
  }

  function told() {
    const [order] = placed.all();
    if (order) return orderWords(order);
    if (mine) return betWords(mine);
    return room && !takesBets() ? "Betting in this room is closed; you have no bet in it." : "";
  }

  function quoteNow() {
    if (chosen.stake === null) return "Write the stake as a number, like 0.25.";
    if (quoted?.problem) return `${quoted.problem.detail || quoted.problem.title}`;
    return quoted ? quoteWords(quoted) : "Asking for a quote…";
  }

  function show() {
    const player = currentPlayer();
    const busy = placed.all().some((order) => order.state !== "refused");
    say(said, told());
    said.hidden = said.textContent === "";
    set(said, "data-net", mine?.net && BigInt(mine.net.amount) > 0n ? "up" : "even");
    form.hidden = !takesBets() || mine !== null || busy;
    sides.show(chosen.side);
    if (chosen.stake !== null) {
      slider.value = String(placeOf(chosen.stake, most()));
      set(slider, "aria-valuetext", sol(chosen.stake));
      if (readSol(typed.value) !== chosen.stake) typed.value = typedSol(chosen.stake);
    }
    say(quote, quoteNow());
    set(quote, "data-loss", quoted?.payout && BigInt(quoted.payout.amount) < BigInt(quoted.stake.amount) ? "yes" : "no");
    act.hidden = !player && !canJoin;
    act.disabled = Boolean(player) && (chosen.stake === null || chosen.stake <= 0n || Boolean(quoted?.problem));
    say(act, player ? (chosen.stake === null ? "Bet" : `Bet ${sol(chosen.stake)} on ${chosen.side}`) : "Bet with 100 SOL of play money");
    say(have, player ? (balance === null ? "" : `You have ${sol(balance)}.`) : canJoin ? "No sign-up: this browser becomes a player of the sandbox. Play money has no value." : "Watching only: this house has no play money.");
  }

  onPlayer(() => {
    mine = null;
    readOwn();
    show();
  });
  hasPlayMoney().then((can) => {
    canJoin = can;
    show();
  }, () => {});
  if (currentPlayer()) placed.resume();
  return {
    node,
    /** The room as it is now: a bet of anybody's moves the quote. */
    update(now) {
      const moved = JSON.stringify(room?.pools) !== JSON.stringify(now.pools) || room?.status !== now.status;
      room = now;
      if (!moved) return;
      show();
      askQuote();
      if (!takesBets()) readOwn();
    },
    read: readOwn,
  };
}
