"""Check how a round was drawn: docs/spec/fairness.md, section 6, steps (a) to (e).

Nothing of the house is believed: every value is derived again from the records in the log, the
seed and the beacon.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from rooms.kernel.time import rfc3339, to_millis
from rooms.proof.beacon import NO_ENTROPY, SANDBOX, Beacon, DrandChain
from rooms.proof.bls import is_signed
from rooms.proof.chain import ChainTerms, parse_terms, terms_json, walk
from rooms.proof.draw import commit, draw
from rooms.proof.fields import Malformed, octets, table, text, whole
from rooms.proof.findings import Findings, Report, Unreadable, Verdict, readable
from rooms.proof.leaves import LeafProof, Record, Signers, check_leaf, read_record
from rooms.proof.paytable import Paytable, parse_spots, spots_json
from rooms.proof.roundfile import RoundProof

SEED: Final = "(a) seed"
CHAIN: Final = "(b) chain"
BEACON: Final = "(c) beacon"
DRAW: Final = "(d) draw"
PAYTABLE: Final = "(e) paytable"
VOID: Final = "void"
SKIPPED: Final = "skipped"
ENTROPY_MISSING: Final = "ENTROPY_MISSING"

WORDS: Final[Mapping[str, str]] = {
    SEED: "hashed as often as its round says it gives the chain's terminal, hashed once the commit",
    CHAIN: "its terms are in the log and were recorded before its first round opened",
    BEACON: "the first one after the scheduled lock and its guard, signed by its chain",
    DRAW: "the numbers that seed, game, round and entropy give, in their order",
    PAYTABLE: "in the log, and the one of the chain's hash",
    VOID: "recorded in the log with the round's seed",
    SKIPPED: "recorded in the log; no ticket was sold, nothing was drawn",
}
CHAIN_NAMES: Final = {
    "game",
    "chain",
    "length",
    "terminal",
    "first_round",
    "epoch_ms",
    "interval_ms",
    "lead_ms",
    "guard_ms",
    "numbers",
    "drawn",
    "entropy",
    "paytable_hash",
}
VOID_NAMES: Final = {
    "game",
    "round",
    "reason",
    "server_seed",
    "beacon_round",
    "tickets",
    "refunded",
}
SKIPPED_NAMES: Final = {"game", "from", "to", "reason"}


@dataclass(frozen=True, slots=True)
class Checked:
    """What the records say, once they have been checked."""

    terms: ChainTerms
    paytable: Paytable


def verify_round(proof: RoundProof, signers: Signers) -> Report:
    """Check a round; the verdict says what is missing where it cannot be checked yet."""
    findings = Findings({rule: WORDS[rule] for rule in rules_of(proof)})
    checked = check_round(findings, proof, signers)
    missing = () if checked is None else missing_of(proof, checked.terms)
    unchecked = (*missing, *signers.unchecked, *_unchecked(proof, signers, checked))
    return findings.report(unchecked, verdict_of(proof, missing))


def rules_of(proof: RoundProof) -> list[str]:
    """Say which steps a round can be held to, as far as it has come."""
    there = {
        SEED: proof.server_seed,
        CHAIN: proof.chain,
        BEACON: proof.beacon or proof.drand,
        DRAW: proof.draw,
        PAYTABLE: proof.paytable,
        VOID: proof.void,
        SKIPPED: proof.skipped,
    }
    return [rule for rule, part in there.items() if part is not None]


def verdict_of(proof: RoundProof, missing: tuple[str, ...]) -> Verdict:
    """Say what a round comes to in which nothing is wrong."""
    if proof.skipped is not None:
        return "verified"
    if proof.server_seed is None:
        return "not_revealed"
    return "cannot_check" if missing else "verified"


def missing_of(proof: RoundProof, terms: ChainTerms) -> tuple[str, ...]:
    """Name what a round whose seed is shown should have and has not."""
    if proof.server_seed is None or proof.void is not None or proof.skipped is not None:
        return ()
    drawn = () if proof.draw is not None else ("the draw is missing",)
    if terms.entropy == NO_ENTROPY or (proof.beacon is not None and proof.drand is not None):
        return drawn
    return (*drawn, "the beacon, or the drand chain that it is of, is missing")


def check_round(findings: Findings, proof: RoundProof, signers: Signers) -> Checked | None:
    """Note all that is wrong with a round; None where a record cannot be read at all."""
    try:
        terms = read_chain(findings, CHAIN, proof.chain, signers)
        if proof.game != terms.game:
            findings.expect(CHAIN, "its game", says=proof.game, gives=terms.game)
        if not terms.first_round <= proof.number <= terms.last_round:
            findings.note(CHAIN, f"it does not reach to round {proof.number}")
            raise Unreadable
        paytable = read_paytable(findings, PAYTABLE, proof.paytable, signers)
        findings.expect(
            PAYTABLE, "its hash", says=paytable.hash.hex(), gives=terms.paytable_hash.hex()
        )
    except Unreadable:
        for rule in rules_of(proof):
            if rule not in (CHAIN, PAYTABLE):
                findings.note(rule, "not reached")
        return None
    check_seed(findings, proof, terms)
    _check_beacon(findings, proof, terms)
    _check_draw(findings, proof, terms)
    _check_void(findings, proof, terms, signers)
    _check_skipped(findings, proof, signers)
    return Checked(terms, paytable)


def read_chain(findings: Findings, rule: str, leaf: LeafProof, signers: Signers) -> ChainTerms:
    """Read and check a ``keno.chain`` record."""
    with readable(findings, rule):
        record = read_record(leaf.entry, "keno.chain", CHAIN_NAMES)
        terms = parse_terms(record.fields)
        if terms_json(terms) != record.fields:
            raise Malformed("the terms are not written as terms are")
        check_leaf(findings, rule, "the chain", leaf, signers)
    if to_millis(record.at) >= terms.slot(terms.first_round):
        findings.note(
            rule, f"it was recorded at {rfc3339(record.at)}, after its first round opened"
        )
    return terms


def read_paytable(findings: Findings, rule: str, leaf: LeafProof, signers: Signers) -> Paytable:
    """Read and check a ``keno.paytable`` record."""
    with readable(findings, rule):
        record = read_record(leaf.entry, "keno.paytable", {"spots"})
        paytable = parse_spots(table(record.fields, "spots"))
        if spots_json(paytable) != record.fields["spots"]:
            raise Malformed("the spots are not written as spots are")
        check_leaf(findings, rule, "the paytable", leaf, signers)
    return paytable


def check_seed(findings: Findings, proof: RoundProof, terms: ChainTerms) -> None:
    """Check that a seed is its link of the chain, and its commit's."""
    if proof.server_seed is None:
        return
    links = terms.link(proof.number)
    if walk(proof.server_seed, links) != terms.terminal:
        findings.note(SEED, f"hashed {links} times it does not give the chain's terminal")
    findings.expect(
        SEED, "the commit", says=proof.commit.hex(), gives=commit(proof.server_seed).hex()
    )


def _check_beacon(findings: Findings, proof: RoundProof, terms: ChainTerms) -> None:
    if proof.beacon is None and proof.drand is None:
        return
    if proof.drand is None:
        findings.note(BEACON, "no drand chain is named that it is of")
        return
    findings.expect(BEACON, "its chain", says=proof.drand.entropy, gives=terms.entropy)
    if proof.beacon is not None:
        due = beacon_due(terms, proof.drand, proof.number)
        findings.expect(BEACON, "its round", says=proof.beacon.round, gives=due)
        if not is_signed(proof.drand.public_key, proof.beacon):
            findings.note(BEACON, "its signature is not that of its chain over its round")


def beacon_due(terms: ChainTerms, drand: DrandChain, number: int) -> int:
    """Give R(n): which beacon a round takes."""
    return drand.round_after(terms.locks_at(number), terms.guard_ms)


def known_from(terms: ChainTerms, drand: DrandChain | None, number: int) -> int | None:
    """Give time(R) in Unix milliseconds: from then on the draw can be known."""
    if terms.entropy == NO_ENTROPY:
        return terms.due_at(number)
    return None if drand is None else 1000 * drand.appears_at(beacon_due(terms, drand, number))


def entropy_of(terms: ChainTerms, beacon: Beacon | None) -> str | None:
    """Give the entropy of a round's draw; None where its beacon is missing."""
    if terms.entropy == NO_ENTROPY:
        return ""
    return None if beacon is None else beacon.entropy


def _check_draw(findings: Findings, proof: RoundProof, terms: ChainTerms) -> None:
    if proof.draw is None:
        return
    entropy = entropy_of(terms, proof.beacon)
    if proof.server_seed is None:
        findings.note(DRAW, "there is a draw, and no seed")
    elif entropy is not None:
        gives = draw(
            proof.server_seed,
            terms.game,
            proof.number,
            entropy,
            numbers=terms.numbers,
            drawn=terms.drawn,
        )
        findings.expect(DRAW, "it", says=list(proof.draw), gives=list(gives))


def _check_void(findings: Findings, proof: RoundProof, terms: ChainTerms, signers: Signers) -> None:
    if proof.void is None:
        return
    try:
        record = read_void(findings, VOID, proof.void, signers)
    except Unreadable:
        return
    seed = None if proof.server_seed is None else proof.server_seed.hex()
    says = (text(record.fields, "game"), whole(record.fields, "round"))
    findings.expect(VOID, "its round", says=says, gives=(proof.game, proof.number))
    findings.expect(VOID, "its seed", says=record.fields["server_seed"], gives=seed)
    findings.expect(VOID, "its reason", says=record.fields["reason"], gives=ENTROPY_MISSING)
    if proof.drand is not None:
        due = beacon_due(terms, proof.drand, proof.number)
        findings.expect(VOID, "its beacon", says=record.fields["beacon_round"], gives=due)


def read_void(findings: Findings, rule: str, leaf: LeafProof, signers: Signers) -> Record:
    """Read and check a ``keno.void`` record."""
    with readable(findings, rule):
        record = read_record(leaf.entry, "keno.void", VOID_NAMES)
        text(record.fields, "game")
        whole(record.fields, "round")
        octets(record.fields, "server_seed", 32)
        check_leaf(findings, rule, "the void", leaf, signers)
    return record


def _check_skipped(findings: Findings, proof: RoundProof, signers: Signers) -> None:
    if proof.skipped is None:
        return
    try:
        game, first, last = read_skipped(findings, SKIPPED, proof.skipped, signers)
    except Unreadable:
        return
    if game != proof.game or not first <= proof.number <= last:
        findings.note(SKIPPED, f"the record is about {game}, rounds {first} to {last}")
    if proof.draw is not None or proof.void is not None:
        findings.note(SKIPPED, "a round that was skipped has neither a draw nor a void")


def read_skipped(
    findings: Findings, rule: str, leaf: LeafProof, signers: Signers
) -> tuple[str, int, int]:
    """Read and check a ``keno.skipped`` record: its game, its first and last round."""
    with readable(findings, rule):
        record = read_record(leaf.entry, "keno.skipped", SKIPPED_NAMES)
        said = (
            text(record.fields, "game"),
            whole(record.fields, "from"),
            whole(record.fields, "to"),
        )
        check_leaf(findings, rule, "the record", leaf, signers)
    return said


def _unchecked(proof: RoundProof, signers: Signers, checked: Checked | None) -> Iterator[str]:
    yield "(b) anchor: heads are not written to a public chain yet"
    yield "other chains of the game: that no other one covers this round, the whole log shows"
    if proof.server_seed is None and proof.skipped is None:
        yield "the commit: its seed is not shown yet"
    if proof.drand == SANDBOX:
        yield "the beacon's worth: it is of the sandbox, whose secret key everybody may know"
    if checked is not None and signers.keys is not None:
        opens = checked.terms.slot(checked.terms.first_round)
        witnessed = signers.witnessed(proof.chain.note)
        if witnessed is None or 1000 * witnessed >= opens:
            yield "(b) witness: none cosigned the chain's head before its first round opened"
