// Which way the page reads, by choice; this browser keeps it.

import { say, set } from "./dom.js";

const KEPT = "rooms.direction";
const WORDS = { ltr: "Read from right to left", rtl: "Read from left to right" };

function kept() {
  try {
    return localStorage.getItem(KEPT) === "rtl" ? "rtl" : "ltr";
  } catch {
    return "ltr";
  }
}

/** Let a button turn the page round; it says what it would do. */
export function turnable(button) {
  const show = (way) => {
    set(document.documentElement, "dir", way);
    say(button, WORDS[way]);
  };
  button.addEventListener("click", () => {
    const way = document.documentElement.dir === "rtl" ? "ltr" : "rtl";
    show(way);
    try {
      localStorage.setItem(KEPT, way);
    } catch {
      // A browser that keeps nothing still turns.
    }
  });
  show(kept());
}
