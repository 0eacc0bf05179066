// The page: takes files by choice, drop, paste or address, and gives each to the checker's thread.

import { grouped, reportNode, sentence } from "./report.js";

const part = (id) => document.getElementById(id);
const source = new Blob([part("checker").textContent, "\nserve(self);\n"], { type: "text/javascript" });
const state = { keys: null, records: new Map(), turn: Promise.resolve() };

/** Check a file in a thread of its own; it is ended with its answer, whatever that is. */
function checked(file) {
  const address = URL.createObjectURL(source);
  const worker = new Worker(address);
  const answer = new Promise((resolve, reject) => {
    worker.onerror = (event) => reject(new Error(event.message || "the checker could not start"));
    worker.onmessage = ({ data }) => {
      if ("done" in data) showProgress(data);
      else resolve(data);
    };
    worker.postMessage({ file, keys: state.keys, records: [...state.records.values()] });
  });
  return answer.finally(() => {
    worker.terminate();
    URL.revokeObjectURL(address);
  });
}

function showProgress({ done, of }) {
  part("progress").max = Number(of) || 1;
  part("progress").value = Number(done);
  part("doing").textContent = `${grouped(done)} of ${grouped(of)}`;
}

/** Take files, the house's keys and rooms' records first: what follows is checked against them. */
function take(files) {
  state.turn = state.turn.then(() => checkAll(files)).catch((problem) => say(`It failed: ${problem.message}.`));
}

async function checkAll(files) {
  if (!files.length) return;
  part("results").replaceChildren();
  say("");
  part("doing").textContent = "Checking…";
  part("progress").removeAttribute("value");
  part("busy").hidden = false;
  const said = [];
  try {
    const smallFirst = [...files].sort((one, other) => one.size - other.size);
    const withKeys = smallFirst.length > 1 ? await keysFirst(smallFirst) : smallFirst;
    for (const file of withKeys) said.push(await checkOne(file));
  } finally {
    part("busy").hidden = true;
  }
  say(said.join(" "));
  part("results").querySelector("h2")?.focus();
}

async function keysFirst(files) {
  const texts = await Promise.all(files.map((file) => file.slice(0, 20_000).text()));
  const isKeys = texts.map((text) => text.includes('"receipt_public_key"') && !text.includes('"binding"'));
  const isRecord = texts.map((text) => text.includes("room.settled") && !text.includes('"file_hash"'));
  const first = files.map((_, place) => isKeys[place] || isRecord[place]);
  return [...files.filter((_, place) => first[place]), ...files.filter((_, place) => !first[place])];
}

async function checkOne(file) {
  const began = performance.now();
  const { found, refused } = await checked(file);
  const named = file.name ? `${file.name}: ` : "";
  if (refused !== undefined) return `${named}this cannot be read, ${refused}.`;
  if (found.kind === "keys") {
    state.keys = found.keys;
    part("keys").textContent = `Signatures are checked against the keys of ${found.origin}.`;
    return `The keys of ${found.origin} were taken.`;
  }
  if (found.kind === "record") {
    state.records.set(found.room, found.record);
    return `The log's record of room ${found.room} was taken: its file is compared with it.`;
  }
  part("results").append(reportNode(found, performance.now() - began));
  return sentence(found);
}

function say(text) {
  part("status").textContent = text;
}

/** A proof in the address after `#proof=`, its text in base64url. No browser sends that anywhere. */
function takeLink() {
  const [, encoded] = /^#(?:[a-z]+=)?([\w-]+)$/.exec(location.hash) ?? [];
  if (encoded === undefined) return;
  try {
    const letters = atob(encoded.replaceAll("-", "+").replaceAll("_", "/"));
    take([new Blob([Uint8Array.from(letters, (letter) => letter.charCodeAt(0))])]);
  } catch {
    say("The link is damaged: what follows # is no proof. Fetch the proof’s file instead.");
  }
}

part("files").addEventListener("change", () => {
  take([...part("files").files]);
  part("files").value = "";
});
addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.dataset.over = "";
});
addEventListener("dragleave", () => delete document.body.dataset.over);
addEventListener("drop", (event) => {
  event.preventDefault();
  delete document.body.dataset.over;
  take([...event.dataTransfer.files]);
});
addEventListener("paste", (event) => {
  const pasted = event.clipboardData.getData("text");
  take(pasted ? [new Blob([pasted])] : [...event.clipboardData.files]);
});
addEventListener("hashchange", takeLink);
part("away").hidden = location.protocol === "file:";
takeLink();
