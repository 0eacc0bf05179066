// Signatures of beacons: BLS over BLS12-381, the signature in the first group and the public key in
// the second (drand's bls-unchained-g1-rfc9380). Written to be read, not to be fast: the pairing by
// its definition, affine points, one field. Numbers of the field with p**2 elements are [a, b], that
// is a + b u with u**2 = -1; those of the base field are the ones with b = 0.

import { X_ABOVE, X_BELOW, Y_ABOVE, Y_BELOW } from "./isogeny.js";
import { hex, joined, sha256, unhex, utf8 } from "./sha2.js";

const FIELD = BigInt(
  "0x1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaab",
);
const GROUP = 0x73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001n;
const LOOP = 0xd201000000010000n;
const COFACTOR = 0xd201000000010001n;
const DOMAIN = utf8("BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_");
const GENERATOR =
  "93e02b6052719f607dacd3a088274f65596bd0d09920b61ab5da61bbdc7f5049" +
  "334cf11213945d57e5ac7d055d042b7e024aa2b2f08f0a91260805272dc51051" +
  "c6e47ad4fa403b02b4510b647ae3d1770bac0326a805bbefd48056c8c121bdb8";
// The curve that a hash falls on first (RFC 9380, 8.8.1): y**2 = x**3 + A x + B, and its Z.
const SLOPE = BigInt(
  "0x144698a3b8e9433d693a02c96d4982b0ea985383ee66a8d8e8981aefd881ac98936f8da0e0f97f5cf428082d584c1d",
);
const SHIFT = BigInt(
  "0x12e2908d11688030018b12e8753eee3b2016c1f0f24f4070a0b9c14fcef35ef55a23215a316ceaa5d1cc48e98e172be0",
);
const STEP = 11n;
const FOUR = [4n, 0n];
const TWIST = [4n, 4n];
const HARD = (FIELD ** 4n - FIELD ** 2n + 1n) / GROUP;
const seen = new Map();

/** Say whether a beacon's signature is its chain's, over its round; keys and signatures in hex. */
export function isBeaconSigned(publicKey, round, signature) {
  const asked = `${publicKey} ${round} ${signature}`;
  if (!seen.has(asked)) seen.set(asked, pairsUp(publicKey, round, signature));
  return seen.get(asked);
}

function pairsUp(publicKey, round, signature) {
  const signed = uncompressed(unhex(signature), 1, FOUR);
  const key = uncompressed(unhex(publicKey), 2, TWIST);
  if (signed === null || key === null) return false;
  const number = BigInt(round).toString(16).padStart(16, "0");
  const message = hashed(sha256(unhex(number)));
  const base = uncompressed(unhex(GENERATOR), 2, TWIST);
  const opposite = [signed[0], minus([0n, 0n], signed[1])];
  return isOne(finished(product(miller(opposite, base), miller(message, key))));
}

function within(number) {
  const rest = number % FIELD;
  return rest < 0n ? rest + FIELD : rest;
}

function raised(number, exponent) {
  let result = 1n;
  for (let base = number, left = exponent; left > 0n; left >>= 1n) {
    if (left & 1n) result = (result * base) % FIELD;
    base = (base * base) % FIELD;
  }
  return result;
}

/** One over a number, by Euclid; zero for zero. */
function reciprocal(number) {
  let [a, b, u, v] = [within(number), FIELD, 1n, 0n];
  while (a > 0n) {
    const quotient = b / a;
    [a, b, u, v] = [b - quotient * a, a, v - quotient * u, u];
  }
  return within(v);
}

function squareRoot(number) {
  const found = raised(number, (FIELD + 1n) / 4n);
  return within(found * found) === number ? found : null;
}

function plus([a, b], [c, d]) {
  return [within(a + c), within(b + d)];
}

function minus([a, b], [c, d]) {
  return [within(a - c), within(b - d)];
}

function by([a, b], [c, d]) {
  return [within(a * c - b * d), within(a * d + b * c)];
}

function over([a, b]) {
  const scale = reciprocal(a * a + b * b);
  return [within(a * scale), within(-b * scale)];
}

function same([a, b], [c, d]) {
  return a === c && b === d;
}

/** A square root of a + b u, out of those of the base field; null where there is none. */
function root2([a, b]) {
  const half = reciprocal(2n);
  const norm = squareRoot(within(a * a + b * b));
  if (norm === null) return null;
  for (const length of [norm, within(-norm)]) {
    const real = squareRoot(within((a + length) * half));
    if (real === null) continue;
    const found = real === 0n ? [0n, squareRoot(within(-a)) ?? 0n] : [real, within(b * half * reciprocal(real))];
    if (same(by(found, found), [a, b])) return found;
  }
  return null;
}

/** A compressed point of a group's curve y**2 = x**3 + shift; null for what is none of the group. */
function uncompressed(bytes, size, shift) {
  const [isCompressed, isInfinite, isLarge] = [0x80, 0x40, 0x20].map((flag) => (bytes[0] & flag) !== 0);
  if (!isCompressed || isInfinite || bytes.length !== 48 * size) return null;
  const plain = Uint8Array.from(bytes);
  plain[0] &= 0x1f;
  const coordinates = Array.from({ length: size }, (_, place) =>
    BigInt(`0x${hex(plain.subarray(48 * place, 48 * place + 48))}`),
  );
  if (coordinates.some((number) => number >= FIELD)) return null;
  const x = size === 1 ? [coordinates[0], 0n] : [coordinates[1], coordinates[0]];
  let y = root2(plus(by(by(x, x), x), shift));
  if (y === null || (size === 1 && y[1] !== 0n)) return null;
  const larger = y[1] === 0n ? y[0] : y[1];
  if (larger > FIELD / 2n !== isLarge) y = minus([0n, 0n], y);
  return multiple([x, y], GROUP) === null ? [x, y] : null;
}

/** The sum of two points and the slope of the line through them; null for what is at infinity. */
function through(one, two) {
  const [[x1, y1], [x2, y2]] = [one, two];
  let slope;
  if (!same(x1, x2)) {
    slope = by(minus(y2, y1), over(minus(x2, x1)));
  } else if (same(y1, y2) && !same(y1, [0n, 0n])) {
    slope = by(by([3n, 0n], by(x1, x1)), over(plus(y1, y1)));
  } else {
    return [null, null];
  }
  const x = minus(minus(by(slope, slope), x1), x2);
  return [[x, minus(by(slope, minus(x1, x)), y1)], slope];
}

function sum(one, two) {
  if (one === null || two === null) return one ?? two;
  return through(one, two)[0];
}

function multiple(of, factor) {
  let result = null;
  for (let base = of, left = factor; left > 0n; left >>= 1n) {
    if (left & 1n) result = sum(result, base);
    base = sum(base, base);
  }
  return result;
}

/**
 * Miller's loop over |x| = LOOP. Numbers of the field with p**12 elements are six coefficients of
 * powers of w, w**6 = 1 + u; a line is multiplied by w**3, which the final exponent takes away.
 */
function miller([px, py], q) {
  let value = [[1n, 0n], ...Array(5).fill([0n, 0n])];
  let at = q;
  const step = (to) => {
    const [next, slope] = through(at, to);
    const zero = [0n, 0n];
    const line = [minus(by(slope, at[0]), at[1]), zero, minus(zero, by(slope, px)), py, zero, zero];
    value = product(value, line);
    at = next;
  };
  for (const bit of LOOP.toString(2).slice(1)) {
    value = product(value, value);
    step(at);
    if (bit === "1") step(q);
  }
  return value;
}

function product(one, two) {
  const real = Array(11).fill(0n);
  const imaginary = Array(11).fill(0n);
  one.forEach(([a, b], i) => {
    two.forEach(([c, d], j) => {
      if (c === 0n && d === 0n) return;
      real[i + j] += a * c - b * d;
      imaginary[i + j] += a * d + b * c;
    });
  });
  for (let place = 10; place >= 6; place -= 1) {
    real[place - 6] += real[place] - imaginary[place];
    imaginary[place - 6] += real[place] + imaginary[place];
  }
  return Array.from({ length: 6 }, (_, place) => [within(real[place]), within(imaginary[place])]);
}

/** Raise to (p**12 - 1) / r = (p**6 - 1) (p**2 + 1) HARD. */
function finished(value) {
  const turned = value.map((each, place) => (place % 2 ? minus([0n, 0n], each) : each));
  const first = product(turned, inverted(value, turned));
  const second = product(twice(first), first);
  let result = [[1n, 0n], ...Array(5).fill([0n, 0n])];
  for (const bit of HARD.toString(2)) {
    result = product(result, result);
    if (bit === "1") result = product(result, second);
  }
  return result;
}

/** Raise to p**2: each power of w is multiplied by a sixth root of unity of the base field. */
function twice(value) {
  let exponent = (FIELD * FIELD - 1n) / 6n;
  let turn = [1n, 0n];
  for (let base = [1n, 1n]; exponent > 0n; exponent >>= 1n) {
    if (exponent & 1n) turn = by(turn, base);
    base = by(base, base);
  }
  let turns = [1n, 0n];
  return value.map((each) => {
    const turned = by(each, turns);
    turns = by(turns, turn);
    return turned;
  });
}

/** One over a number, given it with w turned to -w: their product has only even powers. */
function inverted(value, turned) {
  const [a, , b, , c] = product(value, turned);
  const up = ([x, y]) => [within(x - y), within(x + y)];
  const one = minus(by(a, a), up(by(b, c)));
  const two = minus(up(by(c, c)), by(a, b));
  const three = minus(by(b, b), by(a, c));
  const scale = over(plus(by(a, one), up(plus(by(c, two), by(b, three)))));
  const zero = [0n, 0n];
  const even = [by(one, scale), zero, by(two, scale), zero, by(three, scale), zero];
  return product(turned, even);
}

function isOne(value) {
  return value.every((each, place) => same(each, [place === 0 ? 1n : 0n, 0n]));
}

/** Hash a message to a point of the first group (RFC 9380, with the domain of drand). */
function hashed(message) {
  const uniform = expanded(message);
  const points = [0, 64].map((from) =>
    mapped(within(BigInt(`0x${hex(uniform.subarray(from, from + 64))}`))),
  );
  return multiple(sum(...points), COFACTOR);
}

function expanded(message) {
  const domain = joined(DOMAIN, Uint8Array.of(DOMAIN.length));
  const first = sha256(new Uint8Array(64), message, Uint8Array.of(0, 128, 0), domain);
  const blocks = [sha256(first, Uint8Array.of(1), domain)];
  for (let number = 2; number <= 4; number += 1) {
    const mixed = blocks.at(-1).map((byte, place) => byte ^ first[place]);
    blocks.push(sha256(mixed, Uint8Array.of(number), domain));
  }
  return joined(...blocks);
}

/** Map a number to the curve, by way of its neighbour. */
function mapped(u) {
  const curve = (x) => within(x * x * x + SLOPE * x + SHIFT);
  const zu = within(STEP * u * u);
  const tail = reciprocal(zu * zu + zu);
  const flat = tail === 0n ? SHIFT * reciprocal(STEP * SLOPE) : -SHIFT * reciprocal(SLOPE) * (1n + tail);
  let x = within(flat);
  let y = squareRoot(curve(x));
  if (y === null) {
    x = within(zu * x);
    y = squareRoot(curve(x));
  }
  if ((u & 1n) !== (y & 1n)) y = within(-y);
  const at = (known) => known.reduceRight((value, each) => within(value * x + each), 0n);
  const [newX, newY] = [at(X_ABOVE) * reciprocal(at(X_BELOW)), y * at(Y_ABOVE) * reciprocal(at(Y_BELOW))];
  return [[within(newX), 0n], [within(newY), 0n]];
}
