// How the money of a room is divided: docs/spec/pool.md, sections 3, 4 and 7. Amounts are BigInt.

const BPS = 10_000n;
const HIGHEST_TAKEOUT_BPS = 1_000n;

/** Divide and round down, below 0 too. */
function floorOf(product, divisor) {
  const quotient = product / divisor;
  return product % divisor !== 0n && product < 0n !== divisor < 0n ? quotient - 1n : quotient;
}

/** Why no room may be created on these terms; null where it may. */
export function feesProblem({ protocolBps, hostBps, rewardBps }) {
  if ([protocolBps, hostBps, ...rewardBps].some((bps) => bps < 0n)) return "negative";
  const taken = protocolBps + hostBps;
  if (taken > HIGHEST_TAKEOUT_BPS) return "takeout";
  const rewards = rewardBps.reduce((all, bps) => all + bps, 0n);
  return protocolBps * BPS < rewards * taken ? "rewards" : null;
}

/** Take the fees out of a handle; the takeout never exceeds the losing pool. `winning` is not 0. */
export function feesOf(handle, winning, { protocolBps, hostBps }) {
  const bps = protocolBps + hostBps;
  const [due, losing] = [floorOf(handle * bps, BPS), handle - winning];
  const takeout = due < losing ? due : losing;
  const hostFee = bps === 0n ? 0n : floorOf(takeout * hostBps, bps);
  return { takeout, hostFee, protocolFee: takeout - hostFee, net: handle - takeout };
}

/** Pay a winning stake its share of the net pool, rounded down. */
export function payoutOf(stake, net, winning) {
  return floorOf(stake * net, winning);
}

/** The instant from which accepted bets are scratched in a room decided by touch. */
export function cutoffOf(tHit, tClear, pastPost) {
  return tHit - pastPost < tClear ? tHit - pastPost : tClear;
}
