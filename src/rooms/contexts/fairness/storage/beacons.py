"""Beacons and the chains they are of, as rows."""

from collections.abc import Collection, Sequence

from rooms.kernel.time import Instant, from_millis
from rooms.platform.database import Tx
from rooms.proof.beacon import Beacon, DrandChain, info_json, parse_info


class BeaconStorage:
    """Rows are added and never changed; one method is one statement."""

    async def chains(self, tx: Tx) -> list[DrandChain]:
        """Give all drand chains that this house has ever taken entropy from."""
        rows = await tx.fetch("SELECT info FROM fairness.drand_chains")
        return [parse_info(row["info"]) for row in rows]

    async def add_chain(self, tx: Tx, chain: DrandChain) -> None:
        """Keep a drand chain: who checks an old round needs its key."""
        await tx.execute(
            "INSERT INTO fairness.drand_chains (hash, info) VALUES ($1, $2) ON CONFLICT DO NOTHING",
            chain.hash,
            info_json(chain),
        )

    async def in_use(self, tx: Tx, entropy: str) -> bool:
        """Say whether any game takes its entropy from there."""
        return bool(
            await tx.value(
                "SELECT EXISTS (SELECT 1 FROM fairness.chains WHERE terms->>'entropy' = $1)",
                entropy,
            )
        )

    async def now(self, tx: Tx) -> Instant:
        now: Instant = await tx.value("SELECT clock_timestamp()")
        return now

    async def known(self, tx: Tx, drand: str, rounds: Collection[int]) -> list[Beacon]:
        """Give those beacons that are here."""
        rows = await tx.fetch(
            "SELECT round, signature FROM fairness.beacons "
            "WHERE drand = $1 AND round = ANY ($2::bigint[])",
            drand,
            list(rounds),
        )
        return [Beacon(row["round"], row["signature"]) for row in rows]

    async def newest(self, tx: Tx, drand: str) -> int:
        """Give the round of the newest beacon that is here, 0 where there is none."""
        found: int = await tx.value(
            "SELECT coalesce(max(round), 0) FROM fairness.beacons WHERE drand = $1", drand
        )
        return found

    async def add(self, tx: Tx, chain: DrandChain, beacons: Sequence[Beacon]) -> int:
        """Keep verified beacons; give how many of them are new."""
        return await tx.execute(
            """
            INSERT INTO fairness.beacons (drand, round, signature, appears_at)
            SELECT $1, found.* FROM unnest($2::bigint[], $3::bytea[], $4::timestamptz[]) AS found
            ON CONFLICT DO NOTHING
            """,
            chain.hash,
            [beacon.round for beacon in beacons],
            [beacon.signature for beacon in beacons],
            [from_millis(1000 * chain.appears_at(beacon.round)) for beacon in beacons],
        )

    async def clock_is_slow(self, tx: Tx) -> bool:
        """Say whether something is known that is not to appear for another second or more."""
        return bool(await tx.value("SELECT fairness.clock_is_slow()"))
