// Ed25519 (RFC 8032): whether a signature is of a key and a message. Nothing here is secret, so
// nothing has to take the same time whatever it is.

import { joined, sha512 } from "./sha2.js";

const P = 2n ** 255n - 19n;
const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;
const D = mod(-121665n * inverse(121666n));
const ROOT_OF_MINUS_ONE = power(2n, (P - 1n) / 4n);
const BASE = point(littleEndian([0x58, ...Array(31).fill(0x66)]), 0n);
const NOTHING = [0n, 1n, 1n, 0n];

/** Say whether 64 bytes are the signature of a message under a public key of 32. */
export function isSigned(publicKey, signature, message) {
  if (publicKey.length !== 32 || signature.length !== 64) return false;
  const factor = littleEndian(signature.subarray(32));
  const key = decodedPoint(publicKey);
  if (factor >= ORDER || key === null) return false;
  const first = signature.subarray(0, 32);
  const challenge = littleEndian(sha512(joined(first, publicKey, message))) % ORDER;
  const away = [mod(-key[0]), key[1], key[2], mod(-key[3])];
  const shown = encodedPoint(add(times(BASE, factor), times(away, challenge)));
  return first.every((byte, place) => byte === shown[place]);
}

function mod(number) {
  const rest = number % P;
  return rest < 0n ? rest + P : rest;
}

function power(number, exponent) {
  let result = 1n;
  for (let base = number, left = exponent; left > 0n; left >>= 1n) {
    if (left & 1n) result = (result * base) % P;
    base = (base * base) % P;
  }
  return result;
}

function inverse(number) {
  return power(mod(number), P - 2n);
}

function littleEndian(bytes) {
  let number = 0n;
  for (let at = bytes.length - 1; at >= 0; at -= 1) number = (number << 8n) | BigInt(bytes[at]);
  return number;
}

/** The point with a given y, as X, Y, Z, XY/Z; null where there is none. */
function point(y, sign) {
  const above = mod(y * y - 1n);
  const below = mod(D * y * y + 1n);
  const square = mod(above * inverse(below));
  let x = power(square, (P + 3n) / 8n);
  if (mod(x * x) !== square) x = mod(x * ROOT_OF_MINUS_ONE);
  if (mod(x * x) !== square) return null;
  if ((x & 1n) !== sign) x = mod(-x);
  return [x, y, 1n, mod(x * y)];
}

function decodedPoint(bytes) {
  const number = littleEndian(bytes);
  return point(mod(number & (2n ** 255n - 1n)), number >> 255n);
}

function encodedPoint([x, y, z]) {
  const scale = inverse(z);
  let number = mod(y * scale) | ((mod(x * scale) & 1n) << 255n);
  return Uint8Array.from({ length: 32 }, () => {
    const byte = Number(number & 255n);
    number >>= 8n;
    return byte;
  });
}

function add([x1, y1, z1, t1], [x2, y2, z2, t2]) {
  const a = mod((y1 - x1) * (y2 - x2));
  const b = mod((y1 + x1) * (y2 + x2));
  const c = mod(2n * D * t1 * t2);
  const d = mod(2n * z1 * z2);
  const [e, f, g, h] = [b - a, d - c, d + c, b + a];
  return [mod(e * f), mod(g * h), mod(f * g), mod(e * h)];
}

function times(of, factor) {
  let result = NOTHING;
  for (let base = of, left = factor; left > 0n; left >>= 1n) {
    if (left & 1n) result = add(result, base);
    base = add(base, base);
  }
  return result;
}
