// What a ticket is worth, exactly: whole fractions by the hypergeometric law, rounded only where shown.

import { decimal, fixed } from "./figures.js";

function choose(n, k) {
  if (k < 0 || k > n) return 0n;
  let ways = 1n;
  for (let i = 1; i <= k; i += 1) ways = (ways * BigInt(n - k + i)) / BigInt(i);
  return ways;
}

/** Give the chance of so many catches as {ways, of}: `drawn` of `numbers` are drawn. */
export function chance(spots, catches, { numbers, drawn }) {
  const ways = choose(spots, catches) * choose(numbers - spots, drawn - catches);
  return { ways, of: choose(numbers, drawn) };
}

/** Write a fraction with so many decimals, rounded to nearest, half up. */
export function rounded(numerator, denominator, places) {
  const scale = 10n ** BigInt(places);
  const units = (2n * numerator * scale + denominator) / (2n * denominator);
  return fixed({ units, scale: places }, places);
}

/** Write a chance as people say it, `1 in 8,911,711.18`; null where it cannot happen. */
export function oneIn({ ways, of }) {
  return ways === 0n ? null : `1\u00a0in\u00a0${rounded(of, ways, 2)}`;
}

/** Give what a unit staked comes back as on average, as {numerator, denominator} in lowest terms. */
export function rtp(row, game) {
  const prizes = row.map((text) => decimal(text));
  const scale = Math.max(...prizes.map((each) => each.scale));
  const spots = row.length - 1;
  let [sum, of] = [0n, 1n];
  prizes.forEach((prize, catches) => {
    const found = chance(spots, catches, game);
    of = found.of;
    sum += found.ways * prize.units * 10n ** BigInt(scale - prize.scale);
  });
  const denominator = of * 10n ** BigInt(scale);
  const shared = divisor(sum, denominator);
  return { numerator: sum / shared, denominator: denominator / shared };
}

function divisor(a, b) {
  while (b) [a, b] = [b, a % b];
  return a;
}

/** Give the chance of any prize. */
export function hitRate(row, game) {
  const spots = row.length - 1;
  let [ways, of] = [0n, 1n];
  row.forEach((prize, catches) => {
    const found = chance(spots, catches, game);
    of = found.of;
    if (decimal(prize).units > 0n) ways += found.ways;
  });
  return { ways, of };
}

/** Give the prize of a stake in its smallest units; whole, because stakes are multiples of a step. */
export function prize(multiplier, stake) {
  const { units, scale } = decimal(multiplier);
  return (BigInt(stake) * units) / 10n ** BigInt(scale);
}

/** Give the largest multiplier of a row, as its text. */
export function top(row) {
  return row.reduce((best, each) => (prize(each, 10n ** 18n) > prize(best, 10n ** 18n) ? each : best));
}

/** Give the largest stake, a multiple of `step`, whose top prize is no more than `most`. */
export function largestStake(row, most, step) {
  const { units, scale } = decimal(top(row));
  if (units === 0n) return BigInt(most);
  const fits = (BigInt(most) * 10n ** BigInt(scale)) / units;
  return fits - (fits % BigInt(step));
}
