// The reality check: after half an hour of play the page asks whether to go on, and says what the
// time and the tickets came to. It cannot be put off, and how often it comes is the player's choice.

import { el, say } from "./dom.js";
import { sol } from "./figures.js";
import { net, playedWords } from "./sentences.js";

const KEPT = "rooms.reality";
const MINUTE = 60000;
const EVERY = [15, 30, 60];
const USUAL = 30;

function read(store, otherwise) {
  try {
    return JSON.parse(store().getItem(KEPT)) ?? otherwise;
  } catch {
    return otherwise;
  }
}

function write(store, value) {
  try {
    store().setItem(KEPT, JSON.stringify(value));
  } catch {
    // A browser that keeps nothing asks again after it was loaded anew.
  }
}

/** Say what a session came to. */
export function sessionWords(played, { staked, waiting, net: came }) {
  const open = waiting > 0n ? ` ${sol(waiting)} is at stake in rounds to come.` : "";
  if (staked === 0n) return `You have played for ${playedWords(played)}. No ticket of yours is decided yet.${open}`;
  return `You have played for ${playedWords(played)}. Your tickets here cost ${sol(staked)} and came to ${net(came)}.${open}`;
}

/** Make the check in `place`, a dialog. `leave()` ends the play. */
export function realityCheck(place, { leave }) {
  const minutes = read(() => localStorage, USUAL);
  let every = EVERY.includes(minutes) ? minutes : USUAL;
  let asked = read(() => sessionStorage, null);
  let clock = null;
  const words = el("p");
  const title = el("h2", { id: "reality-heading" }, "A moment to look up");
  const choice = el("select", { id: "reality-every" }, ...EVERY.map((each) => el("option", { value: each }, `${each} min`)));
  const on = el("button", { type: "button", class: "tool" }, "Go on playing");
  const off = el("button", { type: "button", class: "button" }, "Stop for now");
  choice.value = String(every);
  choice.addEventListener("change", () => {
    every = Number(choice.value);
    write(() => localStorage, every);
  });
  const answered = () => {
    asked = clock;
    write(() => sessionStorage, asked);
    place.close();
  };
  on.addEventListener("click", answered);
  off.addEventListener("click", () => {
    answered();
    leave();
  });
  place.addEventListener("cancel", (event) => event.preventDefault());
  place.setAttribute("aria-labelledby", title.id);
  place.append(title, words, el("div", { class: "field" }, el("label", { for: choice.id }, "Ask me every"), choice), el("div", { class: "actions" }, off, on));
  return {
    /** Ask where it is due: `since` and `now` are when the play began and what time it is. */
    update({ playing, since, now, outcome }) {
      clock = now;
      if (asked === null || asked < since) asked = since;
      if (!playing || now - asked < every * MINUTE) return;
      say(words, sessionWords(now - since, outcome));
      if (!place.open) place.showModal();
    },
  };
}
