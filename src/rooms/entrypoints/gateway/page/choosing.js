// Choosing numbers: the board with what stands below it.

import { board } from "./board.js";
import { el, keyed, say } from "./dom.js";
import { plural } from "./figures.js";
import { forgetPicks, quickPick, readPicks, savePicks, savedPicks, sorted } from "./picks.js";

function button(text, act, attributes = {}) {
  const node = el("button", { type: "button", class: "tool", ...attributes }, text);
  node.addEventListener("click", act);
  return node;
}

/**
 * Make the board and its tools. `chosen(picks)` hears of each change, `repeat()` gives the last
 * ticket's picks or null.
 */
export function choosing({ grid, tools, label }, terms, { chosen, repeat }) {
  const most = Math.max(...terms.spots);
  let picks = new Set();
  const squares = board(grid, terms.numbers, (number) => {
    const next = new Set(picks);
    if (!next.delete(number)) next.add(number);
    if (next.size > most) remark(`A ticket has at most ${most} numbers. Take one off first.`);
    else choose(next);
  });

  const count = el("select", { id: "count", "aria-label": "How many numbers chance picks" }, ...terms.spots.map((spots) => el("option", { value: spots }, String(spots))));
  count.value = String(terms.spots.includes(6) ? 6 : terms.spots[0]);
  const typed = el("input", { id: "typed", inputmode: "numeric", autocomplete: "off", placeholder: "3 17 22" });
  const remarks = el("p", { class: "label remark", role: "status" });
  const saved = el("ul", { class: "saved" });
  const keep = button("Save these", () => {
    savePicks([...picks]);
    shelf();
  });
  const clear = button("Clear", () => choose(new Set()));
  const again = button("Repeat last", () => repeat() && choose(new Set(repeat())));
  const read = () => {
    const found = readPicks(typed.value, terms.numbers, most);
    choose(new Set(found.picks));
    remark(found.left);
  };
  typed.addEventListener("change", read);
  typed.addEventListener("keydown", (event) => event.key === "Enter" && read());
  tools.append(
    el("div", { class: "quick" }, button("Quick pick", () => choose(new Set(quickPick(Number(count.value), terms.numbers)))), count, again, clear, keep),
    el("div", { class: "field typed" }, el("label", { for: "typed" }, "Or type them"), typed),
    remarks,
    saved,
  );
  const shelf = () => showSaved(savedPicks());
  const showSaved = keyed(saved, String, (kept) => ({
    node: el(
      "li",
      {},
      button(kept.join(" "), () => choose(new Set(kept.slice(0, most))), { "aria-label": `Play saved numbers ${kept.join(" ")}` }),
      button("×", () => {
        forgetPicks(kept);
        shelf();
      }, { "aria-label": `Forget ${kept.join(" ")}`, class: "tool forget" }),
    ),
    update() {},
  }));

  function remark(words) {
    say(remarks, words);
  }

  function choose(next) {
    picks = new Set(sorted(next));
    remark("");
    chosen(picks);
  }

  shelf();
  return {
    update({ shown, caught }) {
      squares.update({ picks, shown, caught });
      say(label, picks.size ? `${plural(picks.size, "number", "numbers")} of at most ${most}` : `1 to ${most}`);
      const text = [...picks].join(" ");
      if (document.activeElement !== typed && typed.value !== text) typed.value = text;
      keep.disabled = picks.size === 0;
      clear.disabled = picks.size === 0;
      again.disabled = repeat() === null;
    },
  };
}
