"""The chains of all games as the log has them: none covers what another one does.

docs/spec/fairness.md, sections 1 and 8. Of two chains for one round the house could take the one
that suits it. So each chain of a game follows the one before: it begins where that one ends, or
earlier with a round that had not opened yet, and the ``keno.chain_end`` of the other says so.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from rooms.kernel.time import Instant, to_millis
from rooms.proof.chain import SEED_BYTES, ChainTerms, parse_terms, terms_json, walk
from rooms.proof.fields import Fields, Malformed, octets, tables, text, whole

CHAIN: Final = "keno.chain"
END: Final = "keno.chain_end"


@dataclass(slots=True)
class LogChains:
    """The chains seen so far: of each game those that have no end yet, and its newest."""

    open: dict[str, list[ChainTerms]] = field(default_factory=dict)
    ended: dict[str, int] = field(default_factory=dict)

    def take(self, kind: str, record: Fields, at: Instant) -> None:
        """Take the next record of the log. Malformed where it contradicts those before."""
        if kind == CHAIN:
            self._begin(parse_terms(record), to_millis(at))
        elif kind == END:
            self._end(record)

    def _begin(self, terms: ChainTerms, at: int) -> None:
        name = f"chain {terms.chain} of {terms.game}"
        known = self.open.setdefault(terms.game, [])
        if known:
            self._follow(known[-1], terms, name, at)
        elif terms.chain != 1:
            raise Malformed(f"{name} is the first of its game")
        if at >= terms.slot(terms.first_round):
            raise Malformed(f"{name} was recorded after its first round had opened")
        known.append(terms)

    def _follow(self, before: ChainTerms, terms: ChainTerms, name: str, at: int) -> None:
        first = terms.first_round
        if terms.chain != before.chain + 1:
            raise Malformed(f"{name} comes after chain {before.chain}")
        if first <= before.first_round:
            raise Malformed(f"{name} covers rounds that chain {before.chain} covers, from {first}")
        if first > before.last_round + 1:
            raise Malformed(f"{name} leaves out the rounds from {before.last_round + 1} on")
        if first <= before.last_round:
            if before.chain == self.ended.get(terms.game):
                raise Malformed(f"{name} covers rounds of a chain that had ended, from {first}")
            if at >= before.slot(first):
                raise Malformed(f"{name} covers round {first}, which had opened already")

    def _end(self, record: Fields) -> None:
        game, number, last = (
            text(record, "game"),
            whole(record, "chain"),
            whole(record, "last_round"),
        )
        seed, known = octets(record, "server_seed", SEED_BYTES), self.open.get(game, [])
        name = f"the end of chain {number} of {game}"
        place = next((n for n, each in enumerate(known) if each.chain == number), None)
        if place is None or number <= self.ended.get(game, 0):
            raise Malformed(f"{name} is of no chain that is open")
        terms, after = known[place], known[place + 1 :]
        expected = after[0].first_round - 1 if after else terms.last_round
        if last != expected:
            raise Malformed(f"{name} is at round {last} and not at {expected}")
        if walk(seed, terms.link(last)) != terms.terminal:
            raise Malformed(f"{name} shows a seed that is not of the chain")
        self.ended[game] = number
        if after:
            del known[place]

    def json(self) -> dict[str, Any]:
        """Write what is kept between two audits."""
        return {
            game: {"open": [terms_json(each) for each in known], "ended": self.ended.get(game, 0)}
            for game, known in sorted(self.open.items())
        }


def parse_chains(value: Mapping[str, Any]) -> LogChains:
    """Read what ``LogChains.json`` wrote; Malformed otherwise."""
    found = LogChains()
    for game, kept in value.items():
        if not isinstance(kept, dict):
            raise Malformed('"chains" is not by games')
        found.open[game] = [parse_terms(each) for each in tables(kept, "open")]
        if ended := whole(kept, "ended"):
            found.ended[game] = ended
    return found
