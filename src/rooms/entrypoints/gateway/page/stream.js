// Follow the house by server-sent events, and say so when the connection is lost.

import { say, set } from "./dom.js";
import { atSecond, serverNow, setClock } from "./time.js";

const SILENCE = 8000;
const LONGEST_WAIT = 30000;

/**
 * Follow `url`: `show(snapshot)` returns true where no later snapshot will differ.
 * `missing()` is asked whether to give up when the server refuses the stream.
 */
export function follow(url, show, { missing = async () => false } = {}) {
  const line = document.getElementById("line");
  let source = null;
  let heard = 0;
  let asOf = null;
  let done = false;
  let failures = 0;
  let timer = null;

  const state = (name, text) => {
    set(line, "data-state", name);
    say(line, text);
  };
  const lost = () => {
    if (done) return;
    const since = asOf === null ? "No connection yet" : `Connection lost; as of ${atSecond(asOf)}`;
    state("lost", `${since}. Trying again…`);
    set(document.body, "data-lost", "yes");
  };
  const close = () => {
    clearTimeout(timer);
    source?.close();
    source = null;
  };
  const hear = (event) => {
    const snapshot = JSON.parse(event.data);
    failures = 0;
    heard = Date.now();
    setClock(snapshot.now);
    asOf = serverNow();
    document.getElementById("ribbon").hidden = !snapshot.sandbox;
    done = show(snapshot) === true;
    document.body.removeAttribute("data-lost");
    state(done ? "final" : "live", done ? "Final" : "Live");
    if (done) close();
  };
  const again = () => {
    close();
    failures += 1;
    const wait = Math.min(1000 * 2 ** failures, LONGEST_WAIT);
    timer = setTimeout(open, wait * (0.5 + Math.random() / 2));
  };
  const open = () => {
    close();
    heard = Date.now();
    source = new EventSource(url);
    source.onmessage = hear;
    source.onerror = async () => {
      lost();
      if (source?.readyState !== EventSource.CLOSED) return;
      again();
      if (await missing()) {
        done = true;
        close();
        document.body.removeAttribute("data-lost");
        state("final", "Not found");
      }
    };
  };

  // A hidden page lets go: a browser has few connections to one house, and nobody is looking.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) close();
    else if (!done) open();
  });
  setInterval(() => {
    if (source === null || Date.now() - heard < SILENCE) return;
    lost();
    again();
  }, 1000);
  if (!document.hidden) open();
}
