"""What the house owes, each hour: stated over every balance, and shown to who asks for the own.

docs/spec/fairness.md, section 5. A statement is made outside of any lock from one snapshot of the
ledger; then one short transaction, which names the leader's epoch, stores it and notes its record.
"""

import asyncio
import struct
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import Final

from rooms.contexts.fairness.api import Log, RecordKind, StatementView
from rooms.contexts.fairness.domain import NewStatement, Part, StatementRow
from rooms.contexts.fairness.storage.statements import StatementStorage
from rooms.contexts.ledger.api import Ledger
from rooms.kernel.ids import PlayerId
from rooms.kernel.money import Asset
from rooms.kernel.refusal import Refusal
from rooms.kernel.time import Instant, from_millis, to_millis
from rooms.platform.database import Database, Tx
from rooms.platform.lease import Lease
from rooms.proof.records import Salts
from rooms.proof.solvency import BalanceProof, Statement, path_to, statement_fields
from rooms.proof.sumtree import SALT_SIZE, SumNode, balance_leaf, sum_path, sum_root

# A power of two, so that the parts but for the last one are complete subtrees.
PART: Final = 1024
FIRST_BYTES: Final = 256
GIVE_WAY_EVERY: Final = 2_000
MILLISECOND: Final = timedelta(milliseconds=1)
# Salt, account, balance: packed, a million of them are 100 MB less, and they sort by salt.
_OWED: Final = struct.Struct(f">{SALT_SIZE}sqq")


@dataclass(frozen=True, slots=True)
class SolvencyService:
    """The face ``Solvency``, and what makes statements."""

    database: Database
    statements: StatementStorage
    ledger: Ledger
    log: Log
    salts: Salts

    async def missing(
        self, interval: timedelta, done: Instant | None
    ) -> tuple[Instant, list[Asset] | None]:
        """Say when statements were due last, and of which assets there is none yet.

        None in place of the assets where nothing is owed at all. It is not looked for again
        where those due at ``done`` are known to be there.
        """
        async with self.database.snapshot() as tx:
            now, step = to_millis(await self.statements.now(tx)), interval // MILLISECOND
            due = from_millis(now - now % step)
            if due == done:
                return due, []
            last = await self.statements.last_due(tx)
            assets = await self.ledger.assets_owed(tx)
        left = [asset for asset in assets if asset not in last or last[asset] < due]
        return due, left if assets else None

    async def state(self, lease: Lease, asset: Asset, due: Instant) -> None:
        """Make a statement and note its record. Raises LeadershipLost."""
        async with self.database.snapshot() as tx:
            at = await self.statements.now(tx)
            owed = await self._owed(tx, asset, at)
        parts = [part async for part in self._parts(owed)]
        whole = sum_root(part.whole for part in parts)
        size = sum(len(part.accounts) for part in parts)
        new = NewStatement(asset, due, at, size, whole)
        async with self.database.transaction() as tx:
            await lease.guard(tx, longest=self.database.statement_time_out)
            number = await self.statements.add(tx, new)
            if number is None:
                return
            await self.statements.add_parts(tx, number, parts)
            await self.statements.forget(tx)
            fields = statement_fields(_statement(asset, at, whole.sum, whole.hash))
            await self.log.record(tx, RecordKind.SOLVENCY, at, fields)

    async def _owed(self, tx: Tx, asset: Asset, at: Instant) -> list[list[bytes]]:
        """Read what is owed, by the first byte of its salt: many short lists are soon sorted."""
        found: list[list[bytes]] = [[] for _ in range(FIRST_BYTES)]
        number = 0
        async for account, balance in self.ledger.owed(tx, asset):
            salt = self._salt(asset, at, account)
            found[salt[0]].append(_OWED.pack(salt, account, balance))
            number += 1
            if number % GIVE_WAY_EVERY == 0:
                await asyncio.sleep(0)
        return found

    async def _parts(self, owed: Sequence[list[bytes]]) -> AsyncIterator[Part]:
        rows = (_OWED.unpack(row) for some in owed for row in sorted(some))
        while piece := list(islice(rows, PART)):
            salts, accounts, balances = zip(*piece, strict=True)
            whole = sum_root(map(balance_leaf, salts, balances))
            yield Part(salts[0], accounts, balances, whole)
            await asyncio.sleep(0)

    def _salt(self, asset: Asset, at: Instant, account: int) -> bytes:
        return self.salts.of(f"solvency|{asset}|{to_millis(at)}|{account}")

    async def statement(self, asset: Asset) -> StatementView:
        """Show an asset's newest statement."""
        async with self.database.snapshot() as tx:
            row = await self._newest(tx, asset)
        record = None if row.leaf is None else await self.log.leaf_at(row.leaf)
        return StatementView(_said(row), row.size, record)

    async def _newest(self, tx: Tx, asset: Asset) -> StatementRow:
        row = await self.statements.newest(tx, asset)
        if row is None:
            raise Refusal("E-NOT-STATED", asset=asset)
        return row

    async def balance(self, player: PlayerId, asset: Asset) -> BalanceProof:
        """Show a player's balance in the newest statement."""
        accounts = [each for each in await self.ledger.balances(player) if each.asset == asset]
        if not accounts:
            raise Refusal("E-NOT-STATED", asset=asset)
        account = accounts[0].account
        async with self.database.snapshot() as tx:
            row = await self._newest(tx, asset)
            salt = self._salt(asset, row.at, account)
            found = await self.statements.part_of(tx, row.id, salt)
            roots = await self.statements.roots(tx, row.id)
        if found is None or account not in found[1].accounts:
            raise Refusal("E-NOT-STATED", asset=asset)
        if row.leaf is None:
            raise Refusal("E-PROOF-WAITS", kind=RecordKind.SOLVENCY)
        number, part = found
        place = list(part.accounts).index(account)
        return BalanceProof(
            asset=asset,
            balance=part.balances[place],
            salt=salt,
            path=path_to(
                number * PART + place,
                row.size,
                sum_path(self._leaves(row, part), place) + sum_path(roots, number),
            ),
            record=await self.log.leaf_at(row.leaf),
        )

    def _leaves(self, row: StatementRow, part: Part) -> list[SumNode]:
        return [
            balance_leaf(self._salt(row.asset, row.at, account), balance)
            for account, balance in zip(part.accounts, part.balances, strict=True)
        ]


def _said(row: StatementRow) -> Statement:
    return _statement(row.asset, row.at, row.liabilities, row.root)


def _statement(asset: Asset, at: Instant, liabilities: int, root: bytes) -> Statement:
    """Say what is owed; the house has no address on any chain yet, so it shows none."""
    return Statement(
        asset=asset,
        at=at,
        slot=None,
        addresses=(),
        assets=0,
        liabilities=liabilities,
        root=root,
    )
