// A link per round to check it: the verifier gets the round's proof in the address's fragment, which
// no browser sends anywhere.

import { el } from "./dom.js";
import { get } from "./player.js";

export function proofAddress(game, round) {
  return `/v1/keno/games/${encodeURIComponent(game)}/rounds/${round}/proof`;
}

/** Make a link that opens the verifier with a round's proof; where none comes, it says why. */
export function proofLink(game, round) {
  const link = el("a", { class: "verify", href: "/verify", target: "_blank", rel: "noopener", "aria-label": `Verify round ${round}` }, "Verify");
  link.addEventListener("click", async (event) => {
    event.preventDefault();
    try {
      const proof = JSON.stringify(await get(proofAddress(game, round)));
      window.open(`/verify#proof=${encode(proof)}`, "_blank", "noopener");
    } catch (problem) {
      link.replaceChildren(problem.code === "E-PROOF-WAITS" ? "Proof in a moment" : "Try again");
    }
  });
  return link;
}

function encode(text) {
  const bytes = new TextEncoder().encode(text);
  const binary = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}
