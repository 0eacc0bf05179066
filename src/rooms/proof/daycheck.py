"""Check a day of rounds: every commit, link, draw and prize, and beacons if asked to.

One pass over the lines: each seed is hashed down to the one before it, so that a day of a chain
costs as many hashes as it has rounds, and the first one the way to the terminal.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final, TypeVar

from rooms.kernel.time import to_millis
from rooms.proof.beacon import NO_ENTROPY, SANDBOX, Beacon, DrandChain
from rooms.proof.bls import TOGETHER, wrongly_signed
from rooms.proof.chain import ChainTerms, walk
from rooms.proof.dayfile import (
    DayHash,
    DayHead,
    DayRound,
    DayTicket,
    parse_day,
    parse_day_round,
)
from rooms.proof.draw import catches, commit, draw, mask
from rooms.proof.fields import Malformed, read_object
from rooms.proof.findings import Findings, Report, Unreadable
from rooms.proof.leaves import LeafProof, Signers
from rooms.proof.paytable import Paytable
from rooms.proof.roundcheck import (
    beacon_due,
    entropy_of,
    read_chain,
    read_paytable,
    read_skipped,
    read_void,
)

FILE: Final = "file"
ROUNDS: Final = "rounds"
SEEDS: Final = "(a) seeds"
CHAINS: Final = "(b) chains"
BEACONS: Final = "(c) beacons"
DRAWS: Final = "(d) draws"
PRIZES: Final = "(e) prizes"
ENDS: Final = "voids and skips"

RULES: Final[Mapping[str, str]] = {
    FILE: "whole: its last line is the hash of all lines before it",
    ROUNDS: "every round of the day is there, in order, with one fate",
    SEEDS: "each hashes to the one before it, the first to the terminal, and all to their commits",
    CHAINS: "chains and paytables are in the log, recorded before their first rounds opened",
    BEACONS: "each is the first one after its round's lock and guard",
    DRAWS: "the numbers that seed, game, round and entropy give",
    PRIZES: "what the paytable gives for each ticket, or the stake back",
    ENDS: "recorded in the log, and about these rounds",
}
Progress = Callable[[int, int], None]
T = TypeVar("T")


def nothing(done: int, of: int) -> None:
    """Tell nobody how far it is."""
    del done, of


def verify_day(
    lines: Iterable[bytes],
    signers: Signers,
    *,
    beacons: bool = False,
    progress: Progress = nothing,
) -> Report:
    """Check a day's file, line by line. Malformed, with the line's number, where it is none.

    With ``beacons`` every signature too. ``progress`` is told how many rounds are done, of how
    many; after them, how many signatures.
    """
    findings = Findings(RULES)
    numbered = enumerate(_whole(lines, findings), start=1)
    head = _line(*next(numbered, (1, b"")), parse_day)
    rounds = _Rounds(findings, head, _ground(findings, head, signers), beacons)
    for number, line in numbered:
        rounds.take(_line(number, line, parse_day_round))
        progress(number - 1, head.rounds)
    rounds.finish()
    rounds.check_signatures(progress)
    return findings.report((*rounds.unchecked(), *signers.unchecked))


def _whole(lines: Iterable[bytes], findings: Findings) -> Iterator[bytes]:
    """Give the lines but for the last, which has the hash of all before it."""
    running, ended = DayHash(), False
    for line in lines:
        if ended:
            findings.note(FILE, "there is more after its last line")
        if line.startswith(DayHash.BEGINS):
            findings.expect(FILE, "its last line", says=line, gives=running.line())
            ended = True
        else:
            running.add(line)
            yield line
    if not ended:
        findings.note(FILE, "its last line is missing")


def _line(number: int, line: bytes, read: Callable[[Mapping[str, Any]], T]) -> T:
    try:
        return read(read_object(line))
    except Malformed as problem:
        raise Malformed(f"line {number}: {problem}") from problem


@dataclass(frozen=True, slots=True)
class _Ground:
    """What a day's rounds stand on, read out of the log's records."""

    chains: list[ChainTerms]
    paytables: Mapping[bytes, Paytable]
    voids: Mapping[int, Mapping[str, Any]]
    skipped: list[range]
    drand: Mapping[str, DrandChain]

    def chain_of(self, number: int) -> ChainTerms | None:
        """Give the chain that a round belongs to: the one that began last before it."""
        for terms in reversed(self.chains):
            if terms.first_round <= number:
                return terms if number <= terms.last_round else None
        return None


def _ground(findings: Findings, head: DayHead, signers: Signers) -> _Ground:
    chains = list(_readable(head.chains, lambda leaf: read_chain(findings, CHAINS, leaf, signers)))
    tables = _readable(head.paytables, lambda leaf: read_paytable(findings, CHAINS, leaf, signers))
    voids = _readable(head.voids, lambda leaf: read_void(findings, ENDS, leaf, signers).fields)
    skips = list(_readable(head.skipped, lambda leaf: read_skipped(findings, ENDS, leaf, signers)))
    order = [terms.first_round for terms in chains]
    if order != sorted(set(order)) or {terms.game for terms in chains} - {head.game}:
        findings.note(CHAINS, f"they are not the chains of {head.game} in order")
    void_of = {each["round"]: each for each in voids if each["game"] == head.game}
    if len(void_of) < len(head.voids):
        findings.note(ENDS, f"the voids are not of {head.game}, each once")
    if any(game != head.game for game, _, _ in skips):
        findings.note(ENDS, f"the rounds that were skipped are not of {head.game}")
    return _Ground(
        chains,
        {table.hash: table for table in tables},
        void_of,
        [range(first, last + 1) for _, first, last in skips],
        {each.entropy: each for each in head.drand},
    )


def _readable(leaves: Iterable[LeafProof], read: Callable[[LeafProof], T]) -> Iterator[T]:
    for leaf in leaves:
        with suppress(Unreadable):
            yield read(leaf)


@dataclass(slots=True)
class _Rounds:
    """One pass over a day's rounds; ``below`` is the last seed known to be right, by its link."""

    findings: Findings
    head: DayHead
    ground: _Ground
    keep_beacons: bool
    taken: int = 0
    last: int | None = None
    chain: ChainTerms | None = None
    below: tuple[int, bytes] = (0, b"")
    voided: set[int] = field(default_factory=set)
    unrevealed: int = 0
    beacons: dict[str, dict[int, Beacon]] = field(default_factory=dict)

    def take(self, each: DayRound) -> None:
        """Check the next round."""
        terms = self._place(each.number)
        if terms is None:
            return
        self._check_seed(each, terms)
        self._check_beacon(each, terms)
        self._check_draw(each, terms)
        self._check_fate(each)
        for ticket in each.tickets:
            self._check_ticket(each, ticket, terms)

    def _place(self, number: int) -> ChainTerms | None:
        """Find a round's chain; note where it does not follow the one before it."""
        self.taken += 1
        if self.last is not None and number != self.last + 1:
            self.findings.note(ROUNDS, f"round {number} follows {self.last}")
        terms = self.ground.chain_of(number)
        if terms is None:
            self.findings.note(CHAINS, f"round {number} is in none of them")
        elif terms is not self.chain:
            self.chain, self.below = terms, (0, terms.terminal)
        if self.last is None and terms is not None:
            self._check_first(number, terms)
        self.last = number
        return terms

    def _check_first(self, number: int, terms: ChainTerms) -> None:
        begins = _begins(self.head)
        if terms.slot(number) < begins:
            self.findings.note(ROUNDS, f"round {number} opened before the day")
        earlier = terms.first_round < number or terms.chain > 1
        if earlier and terms.slot(number) - terms.interval_ms >= begins:
            self.findings.note(ROUNDS, f"the day has rounds before round {number}")

    def _check_seed(self, each: DayRound, terms: ChainTerms) -> None:
        seed = each.server_seed
        if seed is None:
            return
        if commit(seed) != each.commit:
            self.findings.note(SEEDS, f"round {each.number}: the seed is not the commit's")
        link, (known, below) = terms.link(each.number), self.below
        if walk(seed, link - known) == below:
            self.below = link, seed
        else:
            self.findings.note(SEEDS, f"round {each.number}: the seed is not of the chain")

    def _check_beacon(self, each: DayRound, terms: ChainTerms) -> None:
        beacon, drand = each.beacon, self.ground.drand.get(terms.entropy)
        if beacon is None:
            if each.draw is not None and terms.entropy != NO_ENTROPY:
                self.findings.note(BEACONS, f"round {each.number} has none")
            return
        if drand is None:
            self.findings.note(BEACONS, f"round {each.number}: the drand chain is not told")
            return
        due = beacon_due(terms, drand, each.number)
        self.findings.expect(BEACONS, f"round {each.number}", says=beacon.round, gives=due)
        known = self.beacons.setdefault(terms.entropy, {})
        if known.setdefault(beacon.round, beacon) != beacon:
            self.findings.note(
                BEACONS, f"round {each.number}: beacon {beacon.round} is there twice"
            )
        if not self.keep_beacons and len(known) > 1:  # only the last may come again
            del known[next(iter(known))]

    def _check_draw(self, each: DayRound, terms: ChainTerms) -> None:
        entropy = entropy_of(terms, each.beacon)
        if each.draw is None or each.server_seed is None or entropy is None:
            return
        gives = draw(
            each.server_seed,
            terms.game,
            each.number,
            entropy,
            numbers=terms.numbers,
            drawn=terms.drawn,
        )
        if gives != each.draw:
            self.findings.expect(
                DRAWS, f"round {each.number}", says=list(each.draw), gives=list(gives)
            )

    def _check_fate(self, each: DayRound) -> None:
        """Check that a round was drawn, is void, was skipped, or is not shown yet; one of these."""
        void = self.ground.voids.get(each.number)
        skipped = any(each.number in stretch for stretch in self.ground.skipped)
        fates = (each.draw is not None) + (void is not None) + skipped
        if fates > 1:
            self.findings.note(ROUNDS, f"round {each.number} has more than one fate")
        if each.draw is not None and each.server_seed is None:
            self.findings.note(ROUNDS, f"round {each.number} has a draw and no seed")
        if fates == 0:
            self.unrevealed += 1
            if each.server_seed is not None:
                self.findings.note(ROUNDS, f"round {each.number} has a seed and no fate")
        if void is not None:
            self.voided.add(each.number)
            seed = None if each.server_seed is None else each.server_seed.hex()
            what = f"round {each.number}: the seed of its void"
            self.findings.expect(ENDS, what, says=void["server_seed"], gives=seed)

    def _check_ticket(self, each: DayRound, ticket: DayTicket, terms: ChainTerms) -> None:
        what = f"round {each.number}, ticket {ticket.ref.hex()}"
        is_void = each.number in self.voided
        if ticket.refund is not None:
            allowed = {"VOID", "CANCELLED"} if is_void else {"LATE_BINDING", "CANCELLED"}
            if ticket.refund not in allowed:
                self.findings.note(PRIZES, f"{what}: no stake goes back for {ticket.refund}")
            self.findings.expect(PRIZES, what, says=ticket.prize, gives=ticket.stake)
        elif is_void:
            self.findings.note(PRIZES, f"{what}: the round is void, the stake did not go back")
        elif each.draw is None:
            if ticket.prize is not None:
                self.findings.note(PRIZES, f"{what}: a prize without a draw")
        else:
            self._check_prize(what, ticket, each.draw, terms)

    def _check_prize(
        self, what: str, ticket: DayTicket, drawn: tuple[int, ...], terms: ChainTerms
    ) -> None:
        table, spots = self.ground.paytables.get(terms.paytable_hash), len(ticket.picks)
        if table is None or spots not in table.spots:
            self.findings.note(PRIZES, f"{what}: its paytable has no prizes for {spots} spots")
            return
        caught = catches(mask(ticket.picks), mask(drawn))
        gives = table.prize(ticket.stake, spots, caught)
        self.findings.expect(PRIZES, what, says=ticket.prize, gives=gives)

    def finish(self) -> None:
        """Check what only the whole file shows."""
        self.findings.expect(ROUNDS, "their number", says=self.head.rounds, gives=self.taken)
        for number in self.ground.voids.keys() - self.voided:
            self.findings.note(ENDS, f"round {number} is void and not in the file")

    def check_signatures(self, progress: Progress) -> None:
        """Check the signature of every beacon, if that was asked for."""
        if not self.keep_beacons:
            return
        every = sum(map(len, self.beacons.values()))
        done = 0
        for entropy, known in self.beacons.items():
            beacons, key = list(known.values()), self.ground.drand[entropy].public_key
            for start in range(0, len(beacons), TOGETHER):
                some = beacons[start : start + TOGETHER]
                for number in wrongly_signed(key, some):
                    self.findings.note(BEACONS, f"beacon {number} is not signed by its chain")
                done += len(some)
                progress(done, every)

    def unchecked(self) -> Iterator[str]:
        """Say what the file cannot show, or was not asked."""
        if not self.keep_beacons:
            yield "(c) signatures of beacons: --beacons was not given"
        if SANDBOX.entropy in self.ground.drand:
            yield "(c) the beacons' worth: the sandbox's secret key is one that everybody may know"
        yield "(b) anchor: heads are not written to a public chain yet"
        yield "(f) that each ticket was in the log in time: rooms verify ticket shows it for one"
        yield "that no ticket is left out: the records of what was accepted show it"
        if self.unrevealed:
            yield f"{self.unrevealed} rounds that are not drawn yet"
        if self.chain is not None and self.last is not None:
            ends = self.chain.slot(self.last) + self.chain.interval_ms
            if ends < _begins(self.head) + _DAY_MS:
                yield f"rounds of this day after round {self.last}"


_DAY_MS: Final = timedelta(days=1) // timedelta(milliseconds=1)


def _begins(head: DayHead) -> int:
    return to_millis(datetime.combine(head.date, time(), UTC))
