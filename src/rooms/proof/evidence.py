"""Check the file of a settled room: what it says is derived again from what it gives.

Read ``verify_room`` first; the rules are those of docs/spec/pool.md. A checker never trusts a
figure that it can derive, and says what it could not check.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from rooms.proof.fields import Malformed, read_object, text
from rooms.proof.findings import Findings, Report
from rooms.proof.leaves import LeafProof, Signers
from rooms.proof.pool import Fees, Side, fees, identity, payout, terms_problem
from rooms.proof.rederive import (
    check_observations,
    check_order,
    check_trigger,
    decided_hit,
    decided_in_time,
    decided_outcome,
    expected_cutoff,
    room_problem,
)
from rooms.proof.roomfile import BetLine, FileHash, Head, parse_bet, parse_head
from rooms.proof.settledrecord import Payouts, check_record, record_of

RULES: Final = {
    "file hash": "the file is the one that its hash names",
    "sources": "every quote has the origin and the weight that the room's terms fixed",
    "consensus": "every price follows from its quotes",
    "trigger": "outcome, trigger, t_hit, t_clear and cutoff follow from the observations",
    "reason": "a void has one of the reasons, and the bets that the reason speaks of",
    "bets": "every bet is there once, accepted while betting was open",
    "scratches": "bets from the cutoff on and unbound ones are not counted, all others are",
    "payouts": "every bet was paid what the rules give",
    "totals": "handle, winning pool and counts are the sums of the bets",
    "fees": "takeout, host fee, protocol fee and breakage follow from the totals",
    "conservation": "every lamport staked was paid out, refunded, taken or is breakage",
}
RECORD: Final = "log record"
RECORD_IN_WORDS: Final = "the public log's record of the room says the same, payouts included"
NOT_ANCHORED: Final = "that nobody was shown another file: not anchored in the transparency log"
HEAD_NOT_ANCHORED: Final = "anchor: heads are not written to a public chain yet"
NOT_BOUND: Final = "which bets a head of the log covered in time: the file only says so"
NOT_COMPLETE: Final = "that no quote and no observation was left out of the file"
NOT_DERIVABLE: Final = {
    "NO_CONSENSUS": "the reason: that no consensus came before the grace period was over",
    "ADMIN": "the reason: that two administrators asked for the void",
}
WITHOUT_DECISION: Final = frozenset({"NO_CONSENSUS", "ADMIN", "MIN_PLAYERS"})
TOO_FEW_PLAYERS: Final = frozenset({"MIN_PLAYERS", "TARGET_MET_QUEUING"})
REASONS: Final = WITHOUT_DECISION | TOO_FEW_PLAYERS | {"NO_WINNER"}


@dataclass(slots=True)
class Sums:
    """What the bets of a file add up to: lamports, and numbers of bets."""

    bets: int = 0
    before_hit: int = 0
    scratched: int = 0
    yes: int = 0
    no: int = 0
    staked: int = 0
    paid: int = 0
    refunded: int = 0
    last_ref: str = ""

    @property
    def handle(self) -> int:
        """All counted stakes."""
        return self.yes + self.no

    def backing(self, side: Side | None) -> int:
        """Give the counted stakes on a side; none on no side."""
        return 0 if side is None else self.yes if side is Side.YES else self.no


def verify_room(
    lines: Iterable[str | bytes], record: LeafProof | None = None, signers: Signers | None = None
) -> Report:
    """Check a room file, reading it once from first line to last. Malformed if it is none.

    ``record`` is the room's record in the public log; without it that step is left out.
    """
    numbered = enumerate(lines, start=1)
    rules = RULES if record is None else {**RULES, RECORD: RECORD_IN_WORDS}
    findings, sums, payouts = Findings(rules), Sums(), Payouts()
    try:
        value = read_object(next(numbered, (1, ""))[1])
        claimed, head, running = text(value, "file_hash"), parse_head(value), FileHash(value)
        written = value
    except Malformed as problem:
        raise Malformed(f"line 1, the head: {problem}") from problem
    taken, hit = _fees(head), decided_hit(head)
    for number, line in numbered:
        try:
            value = read_object(line)
            running.add(value)
            bet = parse_bet(value)
            sums.before_hit += hit is None or bet.accepted_at < hit
            _check_bet(findings, head, taken, sums, bet)
            if record is not None:
                payouts.add(bet)
        except Malformed as problem:
            raise Malformed(f"line {number}, a bet: {problem}") from problem
    findings.expect("file hash", "it", says=claimed, gives=running.hex())
    _check_decision(findings, head, sums)
    _check_sums(findings, head, taken, sums)
    signers = signers or Signers(None)
    if record is not None:
        handles = {Side.YES: sums.yes, Side.NO: sums.no}
        check_record(findings, RECORD, record, record_of(written, handles, payouts), signers)
    unsigned = () if record is None else signers.unchecked
    return findings.report((*_unchecked(head, record), *unsigned))


def _unchecked(head: Head, record: LeafProof | None) -> Iterator[str]:
    doubt = NOT_DERIVABLE.get(head.reason or "")
    if doubt:
        yield doubt
    yield from (NOT_BOUND, NOT_COMPLETE)
    yield NOT_ANCHORED if record is None else HEAD_NOT_ANCHORED


def _fees(head: Head) -> Fees | None:
    """Take the fees as the head's own totals give them; None where nobody is to be paid."""
    if head.outcome is None or not 0 < head.winning <= head.handle:
        return None
    return fees(head.handle, head.winning, head.room.terms.pool)


def _check_bet(
    findings: Findings, head: Head, taken: Fees | None, sums: Sums, bet: BetLine
) -> None:
    if bet.ref <= sums.last_ref:
        findings.note("bets", f"{bet.ref} is not after {sums.last_ref}")
    if bet.stake <= 0:
        findings.note("bets", f"{bet.ref} staked {bet.stake}")
    if not head.room.created_at <= bet.accepted_at < head.room.locks_at:
        findings.note("bets", f"{bet.ref} was accepted while betting was closed")
    counted = not bet.unbound and (head.cutoff is None or bet.accepted_at < head.cutoff)
    findings.expect("scratches", f"counted of {bet.ref}", says=bet.counted, gives=counted)
    due = _due(head, taken, bet, counted=counted)
    findings.expect("payouts", f"payout of {bet.ref}", says=bet.payout, gives=due)
    _add(sums, bet, counted=counted)


def _due(head: Head, taken: Fees | None, bet: BetLine, *, counted: bool) -> int:
    if head.outcome is None or not counted:
        return bet.stake
    if bet.side is not head.outcome or taken is None:
        return 0
    return payout(bet.stake, taken.net, head.winning)


def _add(sums: Sums, bet: BetLine, *, counted: bool) -> None:
    sums.bets += 1
    sums.staked += bet.stake
    sums.last_ref = bet.ref
    if not counted:
        sums.scratched += 1
        sums.refunded += bet.payout
        return
    sums.paid += bet.payout
    if bet.side is Side.YES:
        sums.yes += bet.stake
    else:
        sums.no += bet.stake


def _check_decision(findings: Findings, head: Head, sums: Sums) -> None:
    wrong = room_problem(head)
    if wrong is not None:
        findings.note("trigger", wrong)
        return
    check_observations(findings, head)
    check_order(findings, head)
    if head.reason in WITHOUT_DECISION:
        findings.expect("trigger", "t_hit", says=head.t_hit, gives=None)
        findings.expect("trigger", "t_clear", says=head.t_clear, gives=None)
    else:
        check_trigger(findings, head)
    findings.expect("trigger", "the cutoff", says=head.cutoff, gives=expected_cutoff(head))
    _check_reason(findings, head, sums)


def _check_reason(findings: Findings, head: Head, sums: Sums) -> None:
    fitting = head.reason in REASONS if head.outcome is None else head.reason is None
    if not fitting:
        findings.note("reason", f"an outcome {head.outcome} has no reason {head.reason}")
    if head.reason == "NO_WINNER" and sums.backing(decided_outcome(head)):
        findings.note("reason", "somebody backed what came out")
    players = sums.bets if head.reason == "MIN_PLAYERS" else sums.before_hit
    few = players < head.room.min_players
    if head.reason in TOO_FEW_PLAYERS and not few:
        findings.note("reason", f"{players} players are enough")
    if head.reason in (None, "NO_WINNER") and few:
        findings.note("reason", f"{players} players are too few for a decision")
    if head.reason in NOT_DERIVABLE and decided_in_time(head):
        findings.note("reason", "the observations decide the room in time")
    if head.reason == "TARGET_MET_QUEUING":
        gives = decided_outcome(head)
        findings.expect("reason", "what came out while queuing", says=Side.YES, gives=gives)


def _check_sums(findings: Findings, head: Head, taken: Fees | None, sums: Sums) -> None:
    gives = {
        "handle": sums.handle,
        "winning": sums.backing(head.outcome),
        "scratched": sums.scratched,
        "bets_count": sums.bets,
    }
    for name, value in gives.items():
        findings.expect("totals", name, says=getattr(head, name), gives=value)
    problem = terms_problem(head.room.terms.pool)
    findings.expect("fees", "what is wrong with the terms", says=problem, gives=None)
    due = taken or Fees(0, 0, 0, head.handle)
    for name in ("takeout", "host_fee", "protocol_fee"):
        findings.expect("fees", name, says=getattr(head, name), gives=getattr(due, name))
    breakage = 0 if taken is None else due.net - sums.paid
    findings.expect("fees", "breakage", says=head.breakage, gives=breakage)
    if head.outcome is not None and taken is None:
        findings.note("totals", "a room without a stake on its outcome is void")
    _check_conservation(findings, head, sums)


def _check_conservation(findings: Findings, head: Head, sums: Sums) -> None:
    if not identity(
        payouts=sums.paid,
        refunds=sums.refunded,
        host_fee=head.host_fee,
        protocol_fee=head.protocol_fee,
        breakage=head.breakage,
        stakes=sums.staked,
    ):
        findings.note("conservation", f"{sums.staked} lamports staked are not what came out")
