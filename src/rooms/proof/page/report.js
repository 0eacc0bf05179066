// What was found, on the page. Data only ever becomes text.

const VERDICTS = {
  verified: ["✓", "Verified"],
  mismatch: ["✗", "Does not match"],
  not_revealed: ["…", "Not revealed yet"],
  cannot_check: ["?", "Cannot be checked"],
};
const NEXT = {
  verified: "Everything in the file that can be worked out again was, and comes to the same.",
  mismatch: "Fetch the file again. If it stays so, keep it, and show it to the house and to others.",
  not_revealed: "Nothing is wrong so far. The seed stays secret until the round is drawn; check again then.",
  cannot_check: "Nothing is wrong, but something is missing. Fetch the file again once it is there.",
};

function el(name, attributes, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

/** Digits in groups of three. */
export function grouped(number) {
  return String(number).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** A sentence for what was found, as a screen reader says it. */
export function sentence(found) {
  const wrong = found.steps.filter((step) => !step.ok).map((step) => step.name);
  const steps = wrong.length ? `, at ${wrong.join(", ")}` : "";
  return `${subject(found)}: ${VERDICTS[found.verdict][1].toLowerCase()}${steps}.`;
}

function subject({ kind, facts }) {
  if (kind === "bet") return `A bet on ${facts.side} in room ${facts.room}`;
  if (kind === "room") return `Room ${facts.room}, ${facts.outcome ?? "void"}`;
  if (kind === "day") return `${facts.game}, ${facts.date}, ${grouped(facts.rounds)} rounds`;
  const round = `${facts.game}, round ${grouped(facts.number)}`;
  return kind === "ticket" ? `A ticket of ${round}` : round;
}

/** The whole report; `took` in milliseconds. */
export function reportNode(found, took) {
  const [mark, word] = VERDICTS[found.verdict];
  const heading = el("h2", { tabindex: "-1" }, word);
  const seconds = `Worked out in ${(took / 1000).toFixed(took < 10_000 ? 2 : 0)} s.`;
  const head = el(
    "div",
    { class: "verdict" },
    el("span", { class: "mark", "aria-hidden": "true" }, mark),
    el("div", {}, heading, el("p", {}, `${subject(found)}. ${NEXT[found.verdict]} ${seconds}`)),
  );
  const parts = [...numberNodes(found.facts), stepsNode(found), ...openNodes(found), ...factNodes(found.facts)];
  const body = el("div", { class: "body" }, ...parts);
  return el("article", { class: "report", "data-verdict": found.verdict }, head, body);
}

function numberNodes({ draw, picks }) {
  if (!draw) return [];
  const drawn = new Set(draw);
  const shown = picks ?? draw;
  const caught = (number) => picks && drawn.has(number);
  const balls = shown.map((number) => {
    const said = caught(number) ? { class: "caught", "aria-label": `${number}, drawn` } : {};
    return el("li", said, String(number));
  });
  const title = picks ? "The ticket’s numbers" : "The draw, in its order";
  const list = el("ol", { class: "balls", "aria-label": title }, ...balls);
  const parts = [el("h3", {}, title), list];
  if (picks) {
    const count = picks.filter((pick) => drawn.has(pick)).length;
    parts.push(el("p", { class: "legend" }, `${count} of ${picks.length} drawn, shown filled.`));
  }
  return [el("section", {}, ...parts)];
}

function stepsNode({ steps }) {
  const items = steps.map(({ name, ok, detail }) => {
    const state = ok ? "" : " does not hold: ";
    return el("li", ok ? {} : { class: "wrong" }, el("div", {}, el("strong", {}, name), el("span", {}, state + detail)));
  });
  return el("section", {}, el("h3", {}, "Step by step"), el("ol", { class: "steps" }, ...items));
}

function openNodes({ unchecked }) {
  if (!unchecked.length) return [];
  const items = unchecked.map((each) => el("li", {}, el("span", {}, each)));
  return [el("section", {}, el("h3", {}, "Not checked here"), el("ul", { class: "open" }, ...items))];
}

function factNodes(facts) {
  const told = {
    Title: facts.title,
    Outcome: facts.outcome,
    Reason: facts.reason,
    Bets: counted(facts.bets),
    "Bets given back": counted(facts.scratched),
    "Counted stakes": amountOf(facts.handle),
    Takeout: amountOf(facts.takeout),
    Draw: facts.picks && facts.draw ? facts.draw.join(", ") : null,
    Stake: amountOf(facts.stake),
    Prize: amountOf(facts.prize),
    Refund: facts.refund,
    Beacon: counted(facts.beacon),
    Reference: facts.ref,
    Commit: facts.commit,
    Seed: facts.seed,
  };
  const rows = Object.entries(told).filter(([, value]) => value !== null && value !== undefined);
  if (!rows.length) return [];
  const cells = rows.flatMap(([name, value]) => {
    const isHex = ["Reference", "Commit", "Seed"].includes(name);
    return [el("dt", {}, name), el("dd", isHex ? { class: "hex" } : {}, String(value))];
  });
  return [el("section", {}, el("h3", {}, "What the file says"), el("dl", { class: "facts" }, ...cells))];
}

function counted(number) {
  return number === null || number === undefined ? null : grouped(number);
}

/** The unit is not in the file; it is the smallest of the asset, as everywhere in proofs. */
function amountOf(amount) {
  return amount === null || amount === undefined ? null : `${grouped(amount)} smallest units`;
}
