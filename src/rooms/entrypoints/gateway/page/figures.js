// Figures as people read them. Amounts and prices arrive as text and stay exact: BigInt, no floats.

const NBSP = "\u00a0";
const MINUS = "\u2212";
const LAMPORTS = 9;

/** Read plain decimal text as {units, scale}: the number is units / 10^scale. */
export function decimal(text) {
  const [whole, part = ""] = String(text).split(".");
  return { units: BigInt(whole + part), scale: part.length };
}

/** Give the numbers' units at one common scale. */
function aligned(a, b) {
  const scale = Math.max(a.scale, b.scale);
  return [a, b].map((each) => each.units * 10n ** BigInt(scale - each.scale)).concat(scale);
}

export function minus(a, b) {
  const [left, right, scale] = aligned(a, b);
  return { units: left - right, scale };
}

/** Give the ratio a / b as a float: good for lengths and percentages, never for money. */
export function ratio(a, b) {
  const [left, right] = aligned(a, b);
  return right === 0n ? 0 : Number((left * 1000000n) / right) / 1e6;
}

function grouped(digits) {
  return digits.replace(/\B(?=(\d{3})+$)/g, ",");
}

/** Write with a fixed number of decimals, cut towards zero, or away from it where `up`. */
export function fixed({ units, scale }, places, up = false) {
  const negative = units < 0n;
  let size = negative ? -units : units;
  if (scale > places) {
    const step = 10n ** BigInt(scale - places);
    size = size / step + (up && size % step ? 1n : 0n);
  } else {
    size *= 10n ** BigInt(places - scale);
  }
  const digits = size.toString().padStart(places + 1, "0");
  const whole = grouped(digits.slice(0, digits.length - places));
  const text = places ? `${whole}.${digits.slice(-places)}` : whole;
  return negative && size ? MINUS + text : text;
}

/** Write an amount of lamports, `1.2500 SOL`; cut, so that nobody is shown more than there is. */
export function sol(lamports, places = 4) {
  return fixed({ units: BigInt(lamports), scale: LAMPORTS }, places) + NBSP + "SOL";
}

/** Write an amount to the last lamport. */
export function exactSol(lamports) {
  return sol(lamports, LAMPORTS);
}

/** Read an amount as typed, `0.05` or `0,05`, in lamports; null where it is none. */
export function readSol(text) {
  const plain = text.trim().replace(",", ".");
  if (!/^\d{1,9}(\.\d{0,9})?$/.test(plain)) return null;
  const { units, scale } = decimal(plain);
  return units * 10n ** BigInt(LAMPORTS - scale);
}

/** Write lamports as one would type them, `0.05`. */
export function typedSol(lamports) {
  const digits = String(lamports).padStart(LAMPORTS + 1, "0");
  return `${digits.slice(0, -LAMPORTS)}.${digits.slice(-LAMPORTS)}`.replace(/\.?0+$/, "");
}

/** Say how many decimals a price needs beside its target. */
export function placesFor(target) {
  const { units, scale } = decimal(target);
  const size = units / 10n ** BigInt(scale);
  if (size >= 100000n) return 0;
  return Math.min(Math.max(scale, size >= 1n ? 2 : 6), 10);
}

/** Write a number of USD as it came, in groups, with two decimals at least below 100,000. */
export function usd(text, places = placesFor(text), up = false) {
  return fixed(decimal(text), places, up) + NBSP + "USD";
}

/** Write a number of USD with every decimal it came with: what decided is not cut. */
export function exactUsd(text) {
  return usd(text, Math.max(decimal(text).scale, 2));
}

/** Give the final dividend of a settled room: what each counted unit on the winning side got. */
export function paid({ handle, winning, takeout }) {
  return fixed({ units: ((BigInt(handle) - BigInt(takeout)) * 10000n) / BigInt(winning), scale: 4 }, 4);
}

export function percent(share, places = 0) {
  return share.toFixed(places) + NBSP + "%";
}

/** Write basis points as a percentage: 250 is `2.5 %`. */
export function bps(points) {
  return String(points / 100) + NBSP + "%";
}

export function plural(count, one, many) {
  return `${count}${NBSP}${count === 1 ? one : many}`;
}
