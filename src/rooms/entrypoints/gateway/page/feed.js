// The feed: one WebSocket with the topics of a page. What it says moves the page on. Frames of a
// topic are numbered, so that none is taken twice, and after a break it goes on where it was.

// The house's heartbeat comes every 15 s.
const SILENCE = 20000;
const FIRST_WAIT = 500;
const LONGEST_WAIT = 15000;

/**
 * Follow topics. `take(frame)` is called for each frame of news in its topic's order, none twice;
 * `show(topic, data, at)` for a snapshot, which stands for all before it; `state(name)` with
 * `live`, `stale` or `lost`. `topics()` says what to follow, `token()` whose `me` is, or null;
 * `denied()` hears that nobody bears that token any more.
 */
export function feed({ topics, token, take, show, state, denied = () => {} }) {
  const seen = new Map();
  let socket = null;
  let heard = 0;
  let failures = 0;
  let timer = null;
  let over = false;
  let stale = false;

  function open() {
    clearTimeout(timer);
    heard = Date.now();
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const mine = new WebSocket(`${scheme}://${location.host}/v1/live`);
    socket = mine;
    mine.onopen = begin;
    mine.onmessage = ({ data }) => mine === socket && hear(JSON.parse(data));
    mine.onclose = () => mine === socket && lost();
  }

  function begin() {
    const given = token() ? { token: token() } : {};
    const tell = (message) => socket.send(JSON.stringify({ ...message, ...given }));
    const fresh = topics().filter((topic) => !seen.has(topic));
    if (fresh.length) tell({ op: "subscribe", topics: fresh });
    for (const topic of topics()) if (seen.has(topic)) tell({ op: "resume", topic, seq: seen.get(topic) });
  }

  function hear(frame) {
    heard = Date.now();
    failures = 0;
    const { type, topic, seq } = frame;
    if (type === "refused" && frame.data.code === "E-AUTH") denied();
    if (type === "stale" || type === "fresh") stale = type === "stale";
    if (type === "snapshot") {
      seen.set(topic, seq);
      show(topic, frame.data, frame.at);
    } else if (topic && Number.isInteger(seq)) {
      if (seq <= (seen.get(topic) ?? -1)) return;
      seen.set(topic, seq);
      take(frame);
    }
    state(stale ? "stale" : "live");
  }

  function lost() {
    const old = socket;
    socket = null;
    old?.close();
    if (over) return;
    state("lost");
    failures += 1;
    const wait = Math.min(FIRST_WAIT * 2 ** failures, LONGEST_WAIT);
    timer = setTimeout(open, wait * (0.5 + Math.random() / 2));
  }

  const watching = setInterval(() => socket && Date.now() - heard > SILENCE && lost(), 1000);
  // Sockets outlive a network that is gone; the browser knows sooner, and when it is back.
  addEventListener("offline", () => socket && lost());
  addEventListener("online", () => !over && socket === null && open());

  open();
  return {
    /** Begin anew for another player: a connection is one player's for ever. */
    restart() {
      seen.delete("me");
      const old = socket;
      socket = null;
      old?.close();
      open();
    },
    close() {
      over = true;
      clearTimeout(timer);
      clearInterval(watching);
      socket?.close();
    },
  };
}
