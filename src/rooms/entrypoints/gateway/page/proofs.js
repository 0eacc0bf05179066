// A link to check a round, a ticket or a room: the verifier gets the proof in the address's
// fragment, which no browser sends anywhere.

import { el } from "./dom.js";
import { get } from "./player.js";

const TRIES = 4;
const AGAIN = 700;
// What browsers take as an address ends at 1 to 2 MiB.
const LONGEST_ADDRESS = 1_000_000;

/** Give where a round's proof is. */
export function roundProof(game, round) {
  return `/v1/keno/games/${encodeURIComponent(game)}/rounds/${round}/proof`;
}

/** Give where a ticket's proof is, with that of its round; who knows the reference may read it. */
export function ticketProof({ id, ref }) {
  return `/v1/keno/tickets/${id}/proof?ref=${ref}`;
}

/** Make a link that opens the verifier with the proof at `path`; where none comes, it says so. */
export function proofLink(path, name) {
  const link = el("a", { class: "verify", href: "/verify", target: "_blank", rel: "noopener", "aria-label": `Verify ${name}` }, "Verify");
  link.addEventListener("click", async (event) => {
    event.preventDefault();
    const proof = await fetched(path);
    if (proof) openVerifier(JSON.stringify(proof));
    else link.replaceChildren("No proof yet: try again");
  });
  return link;
}

/** Open the verifier with a proof's text; false where it is too long for an address. */
export function openVerifier(text) {
  const address = `/verify#proof=${encode(text)}`;
  if (address.length > LONGEST_ADDRESS) return false;
  window.open(address, "_blank", "noopener");
  return true;
}

/** Read a proof; a round that was just drawn may wait a moment for its place in the log. */
async function fetched(path) {
  for (let tries = 0; tries < TRIES; tries += 1) {
    try {
      return await get(path);
    } catch (problem) {
      if (problem.code !== "E-PROOF-WAITS") return null;
      await new Promise((done) => setTimeout(done, AGAIN));
    }
  }
  return null;
}

function encode(text) {
  const bytes = new TextEncoder().encode(text);
  const binary = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}
