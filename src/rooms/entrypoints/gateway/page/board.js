// The board: a button for each number, one of them in the tab order, arrows and typed numbers move.

import { el, set } from "./dom.js";

const TYPING = 900;

/**
 * Make the board of `numbers` in `grid`. `toggle(number)` is called for a press; the answer of
 * `update({picks, shown, caught})` is on the buttons: pressed, drawn, caught, each with a shape of its own.
 */
export function board(grid, numbers, toggle) {
  const buttons = Array.from({ length: numbers }, (_, index) => {
    const button = el("button", { type: "button", class: "number", "aria-pressed": "false", tabindex: index ? "-1" : "0" }, String(index + 1));
    button.addEventListener("click", () => {
      rove(index + 1);
      toggle(index + 1);
    });
    return button;
  });
  grid.replaceChildren(...buttons);
  let current = 1;
  let typed = "";
  let typedAt = 0;

  function rove(number, focus = false) {
    set(buttons[current - 1], "tabindex", "-1");
    current = number;
    set(buttons[current - 1], "tabindex", "0");
    if (focus) buttons[current - 1].focus();
  }

  const columns = () => buttons.filter((each) => each.offsetTop === buttons[0].offsetTop).length;

  function moved(key) {
    const across = getComputedStyle(grid).direction === "rtl" ? -1 : 1;
    const wide = columns();
    const inRow = (current - 1) % wide;
    const steps = {
      ArrowRight: across, ArrowLeft: -across, ArrowDown: wide, ArrowUp: -wide,
      Home: -inRow, End: wide - 1 - inRow, PageUp: inRow + 1 - current, PageDown: numbers - wide + inRow + 1 - current,
    };
    return key in steps ? current + steps[key] : null;
  }

  function typing(digit, at) {
    typed = at - typedAt < TYPING ? typed + digit : digit;
    typedAt = at;
    if (Number(typed) > numbers) typed = digit;
    return Number(typed);
  }

  grid.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const digit = /^[0-9]$/.test(event.key);
    const number = digit ? typing(event.key, event.timeStamp) : moved(event.key);
    if (number === null) return;
    event.preventDefault();
    if (number >= 1 && number <= numbers) rove(number, true);
  });

  return {
    update({ picks, shown, caught }) {
      buttons.forEach((button, index) => {
        const number = index + 1;
        const isDrawn = shown.includes(number);
        const isCaught = isDrawn && caught.has(number);
        set(button, "aria-pressed", picks.has(number));
        set(button, "data-drawn", isCaught ? "caught" : isDrawn ? "yes" : "no");
        set(button, "aria-label", isCaught ? `${number}, drawn, on your ticket` : isDrawn ? `${number}, drawn` : number);
      });
    },
  };
}
