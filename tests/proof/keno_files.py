"""A small true game with its log: a chain, a paytable, tickets, a void, skipped rounds."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any

from rooms.kernel.time import Instant, from_millis
from rooms.proof.beacon import NO_ENTROPY, SANDBOX, DrandChain
from rooms.proof.binding import Bound
from rooms.proof.chain import ChainTerms, SeedChain, last_seed, terms_json
from rooms.proof.checkpoint import (
    LOG_KEY,
    WITNESS_KEY,
    Checkpoint,
    NoteKey,
    cosign,
    parse_note,
    sign_checkpoint,
    with_signatures,
)
from rooms.proof.dayfile import (
    DayHash,
    DayHead,
    DayRound,
    DayTicket,
    day_json,
    day_round_json,
)
from rooms.proof.draw import catches, commit, draw, mask
from rooms.proof.leaves import LeafProof, PublishedKeys, Signers
from rooms.proof.merkle import Tree
from rooms.proof.paytable import Paytable, parse_toml, spots_json
from rooms.proof.receipt import sign_batch
from rooms.proof.records import accepted_entry, entry_of, ticket_entry
from rooms.proof.roundfile import RoundProof, TicketProof
from rooms.proof.signature import Signer
from rooms.sandbox.drand import signed

GAME = "keno-main"
ORIGIN = "rooms.test/log"
LOG = Signer(bytes(range(32)))
RECEIPTS = Signer(bytes(range(1, 33)))
WITNESS = Signer(bytes(range(2, 34)))
LOG_NOTE_KEY = NoteKey(ORIGIN, LOG_KEY, LOG.public)
WITNESS_NOTE_KEY = NoteKey("witness.test", WITNESS_KEY, WITNESS.public)
KEYS = PublishedKeys(
    origin=ORIGIN, head=LOG_NOTE_KEY, receipts=RECEIPTS.public, witnesses=(WITNESS_NOTE_KEY,)
)
DAY = date(2026, 11, 20)
EPOCH_MS = int(datetime(2026, 11, 20, tzinfo=UTC).timestamp()) * 1000
FIRST = 1_000
LENGTH = 400
INTERVAL_MS = 5_000
VOID_ROUND = FIRST + 20
SKIPPED = range(FIRST + 30, FIRST + 40)
PICKS = ((1, 2, 3, 4, 5), (80,), (7, 17, 27, 37, 47, 57, 67, 77, 8, 9), (11, 12))
STAKES = (1_000_000, 7_000_000, 2_000_000, 50_000_000)


@cache
def paytable() -> Paytable:
    return parse_toml(Path("src/rooms/proof/paytables/classic.toml").read_text())


@cache
def seeds() -> SeedChain:
    return SeedChain.walked(last_seed(bytes(32), GAME, 1), LENGTH)


@dataclass(frozen=True)
class Game:
    """A game on one chain; ``entropy`` may be none."""

    entropy: str = SANDBOX.entropy

    @property
    def drand(self) -> DrandChain | None:
        return None if self.entropy == NO_ENTROPY else SANDBOX

    @property
    def terms(self) -> ChainTerms:
        return ChainTerms(
            game=GAME,
            chain=1,
            length=LENGTH,
            terminal=seeds().terminal,
            first_round=FIRST,
            epoch_ms=EPOCH_MS,
            interval_ms=INTERVAL_MS,
            lead_ms=1_000,
            guard_ms=2_000,
            numbers=80,
            drawn=20,
            entropy=self.entropy,
            paytable_hash=paytable().hash,
        )

    def seed(self, number: int) -> bytes:
        return seeds().seed(self.terms.link(number))

    def beacon_round(self, number: int) -> int:
        return SANDBOX.round_after(self.terms.locks_at(number), self.terms.guard_ms)

    def draw(self, number: int) -> tuple[int, ...]:
        beacon = signed(self.beacon_round(number)).entropy if self.drand else ""
        return draw(self.seed(number), GAME, number, beacon)

    def entries(self) -> dict[str, str]:
        """The records of the log, by what they are about."""
        before = from_millis(EPOCH_MS - 600_000)
        void: dict[str, Any] = {
            "game": GAME,
            "round": VOID_ROUND,
            "reason": "ENTROPY_MISSING",
            "server_seed": self.seed(VOID_ROUND).hex(),
            "beacon_round": self.beacon_round(VOID_ROUND),
            "tickets": 1,
            "refunded": "1000000",
        }
        skipped = {
            "game": GAME,
            "from": SKIPPED.start,
            "to": SKIPPED.stop - 1,
            "reason": "downtime",
        }
        accepted = {
            f"accepted {number}": accepted_entry(
                from_millis(self.terms.locks_at(number)), 4, Tree.over(self.batch(number)).root
            )
            for number in (FIRST + 7, VOID_ROUND)
        }
        return {
            "paytable": entry_of("keno.paytable", before, {"spots": spots_json(paytable())}),
            "chain": entry_of("keno.chain", before, terms_json(self.terms)),
            "skipped": entry_of("keno.skipped", before, skipped),
            "void": entry_of("keno.void", before, void),
            **accepted,
        }

    def accepted_at(self, number: int) -> Instant:
        return from_millis(self.terms.slot(number) + 1_234)

    def batch(self, number: int) -> list[bytes]:
        at = self.terms.slot(number) + 1_234
        return [
            ticket_entry(self.ref(number, place), at, STAKES[place], number, PICKS[place], GAME)
            for place in range(4)
        ]

    def ref(self, number: int, place: int) -> bytes:
        return bytes([place]) + number.to_bytes(15, "big")

    def leaf(
        self, what: str, *, witnessed_at: int | None = None, signer: Signer = LOG
    ) -> LeafProof:
        entries = self.entries()
        index = list(entries).index(what)
        tree = Tree.over(entry.encode() for entry in entries.values())
        checkpoint = Checkpoint(ORIGIN, len(entries), tree.root)
        note = sign_checkpoint(checkpoint, LOG_NOTE_KEY, signer)
        if witnessed_at is not None:
            line = cosign(parse_note(note).checkpoint, WITNESS_NOTE_KEY, WITNESS, witnessed_at)
            note = with_signatures(note, [line.text()])
        return LeafProof(entries[what], index, tuple(tree.path(index)), note)

    def round(self, number: int, **changes: Any) -> RoundProof:
        """The proof of a round that was drawn, unless something is changed."""
        proof = RoundProof(
            game=GAME,
            number=number,
            chain=self.leaf("chain", witnessed_at=EPOCH_MS // 1000 - 500),
            paytable=self.leaf("paytable"),
            commit=commit(self.seed(number)),
            server_seed=self.seed(number),
            drand=self.drand,
            beacon=signed(self.beacon_round(number)) if self.drand else None,
            draw=self.draw(number),
            void=None,
            skipped=None,
        )
        return replace(proof, **changes)

    def void_round(self) -> RoundProof:
        return self.round(VOID_ROUND, beacon=None, draw=None, void=self.leaf("void"))

    def skipped_round(self) -> RoundProof:
        return self.round(
            SKIPPED.start, server_seed=None, beacon=None, draw=None, skipped=self.leaf("skipped")
        )

    def prize(self, number: int, place: int) -> int:
        caught = catches(mask(PICKS[place]), mask(self.draw(number)))
        return paytable().prize(STAKES[place], len(PICKS[place]), caught)

    def ticket(self, place: int = 0, number: int = FIRST + 7, **changes: Any) -> TicketProof:
        """The proof of a ticket of a round that was drawn, unless something is changed."""
        batch = self.batch(number)
        tree = Tree.over(batch)
        known = SANDBOX.appears_at(self.beacon_round(number)) - 1
        proof = TicketProof(
            ref=self.ref(number, place),
            picks=PICKS[place],
            stake=STAKES[place],
            accepted_at=self.accepted_at(number),
            prize=self.prize(number, place),
            refund=None,
            binding=Bound(
                index=place,
                size=4,
                path=tuple(tree.path(place)),
                accepted=self.leaf(f"accepted {number}", witnessed_at=known),
            ),
            receipt=sign_batch(batch, RECEIPTS)[place],
            round=self.round(number),
        )
        return replace(proof, **changes)

    def day_rounds(self, count: int) -> list[DayRound]:
        return [self._day_round(FIRST + place) for place in range(count)]

    def _day_round(self, number: int) -> DayRound:
        seed = self.seed(number)
        if number in SKIPPED:
            return DayRound(number, commit(seed), None, None, None, ())
        if number == VOID_ROUND:
            ticket = DayTicket(self.ref(number, 0), PICKS[0], STAKES[0], STAKES[0], "VOID")
            return DayRound(number, commit(seed), seed, None, None, (ticket,))
        tickets = tuple(
            DayTicket(
                self.ref(number, place),
                PICKS[place],
                STAKES[place],
                self.prize(number, place),
                None,
            )
            for place in range(number % 5)
        )
        beacon = signed(self.beacon_round(number)) if self.drand else None
        return DayRound(number, commit(seed), seed, beacon, self.draw(number), tickets)

    def day(self, count: int = 60, **changes: Any) -> tuple[DayHead, list[DayRound]]:
        head = DayHead(
            game=GAME,
            date=DAY,
            rounds=count,
            chains=(self.leaf("chain"),),
            paytables=(self.leaf("paytable"),),
            drand=(SANDBOX,) if self.drand else (),
            voids=(self.leaf("void"),),
            skipped=(self.leaf("skipped"),),
        )
        return replace(head, **changes), self.day_rounds(count)


def day_lines(head: DayHead, rounds: list[DayRound]) -> list[bytes]:
    running = DayHash()
    lines = [running.write(day_json(head))]
    lines += [running.write(day_round_json(each)) for each in rounds]
    return [*lines, running.line()]


def with_key() -> Signers:
    return Signers(KEYS)


def without_key() -> Signers:
    return Signers(None)


def keys_json() -> Mapping[str, Any]:
    return {
        "origin": ORIGIN,
        "key_id": LOG_NOTE_KEY.id.hex(),
        "public_key": LOG.public.hex(),
        "key": LOG_NOTE_KEY.text(),
        "receipt_public_key": RECEIPTS.public.hex(),
        "witnesses": [WITNESS_NOTE_KEY.text()],
    }
