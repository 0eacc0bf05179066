// The way the pools went, as a picture.

import { el, say, set, svg } from "./dom.js";
import { percent } from "./figures.js";
import { serverNow } from "./time.js";

/** Draw the way the pools went: the YES share over time, as far as it was watched. */
export function course({ whole = false } = {}) {
  const area = svg("path", { class: "area" });
  const path = svg("path", { class: "course-line" });
  const end = svg("path", { class: "end" });
  const picture = svg(
    "svg",
    { viewBox: "0 0 100 40", preserveAspectRatio: "none", role: "img" },
    svg("path", { class: "half", d: "M0 20H100" }),
    area,
    path,
    end,
  );
  const label = el("p", { class: "label" });
  const ends = whole
    ? el("p", { class: "ends", "aria-hidden": "true" }, el("span", {}, "opened"), el("span", {}, "lock"))
    : null;
  const node = el("div", { class: whole ? "course whole" : "course" }, picture, ends, label);
  return {
    node,
    update(room) {
      const points = room.course;
      node.hidden = points.length === 0;
      if (node.hidden) return;
      const lines = drawn(points, room, whole);
      set(path, "d", lines.line);
      set(area, "d", lines.area);
      set(end, "d", lines.end);
      const [first, last] = [points[0][1], points.at(-1)[1]].map((share) => percent(share / 100));
      const words = first === last ? `YES share steady at ${last}` : `YES share from ${first} to ${last}`;
      set(picture, "aria-label", words);
      say(label, words);
    },
  };
}

function drawn(points, room, whole) {
  const locks = Date.parse(room.locks_at);
  const present = Math.min(serverNow(), locks);
  const start = whole ? Date.parse(room.created_at) : points[0][0];
  const stop = Math.max(whole ? locks : present, points.at(-1)[0], start + 1000);
  const x = (at) => (((Math.max(at, start) - start) / (stop - start)) * 98 + 0.5).toFixed(2);
  const y = (share) => (38 - (share / 10000) * 36).toFixed(2);
  let line = `M${x(points[0][0])} ${y(points[0][1])}`;
  for (const [at, share] of points.slice(1)) line += `H${x(at)}V${y(share)}`;
  const right = x(Math.max(present, points.at(-1)[0]));
  line += `H${right}`;
  const end = `M${right} ${y(points.at(-1)[1])}h0`;
  return { line, end, area: `${line}V40H${x(points[0][0])}Z` };
}
