// SHA-256 and SHA-512 (FIPS 180-4) and HMAC-SHA-256 (RFC 2104), written out: a page from a disk or
// from plain HTTP need not be given the browser's own, and a day takes half a million of them.

const ALL_64 = (1n << 64n) - 1n;

// The constants are the first bits behind the point of the cube and square roots of the first
// primes: those of SHA-256 are the upper halves of those of SHA-512.
const PRIMES = primes(80);
const K_512 = PRIMES.map((prime) => root(prime << 192n, 3n) & ALL_64);
const H_512 = PRIMES.slice(0, 8).map((prime) => root(prime << 128n, 2n) & ALL_64);
const K_256 = Int32Array.from(K_512.slice(0, 64), upper);
const H_256 = Int32Array.from(H_512, upper);

function primes(count) {
  const found = [];
  for (let number = 2n; found.length < count; number += 1n) {
    if (found.every((prime) => number % prime !== 0n)) found.push(number);
  }
  return found;
}

/** The whole part of a root, by Newton's method from above. */
function root(number, degree) {
  let above = 1n << (BigInt(number.toString(2).length) / degree + 1n);
  for (;;) {
    const next = ((degree - 1n) * above + number / above ** (degree - 1n)) / degree;
    if (next >= above) return above;
    above = next;
  }
}

function upper(number) {
  return Number(BigInt.asIntN(32, number >> 32n));
}

const IN_HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** Bytes as lower-case hex. */
export function hex(bytes) {
  let text = "";
  for (let at = 0; at < bytes.length; at += 1) text += IN_HEX[bytes[at]];
  return text;
}

/** The bytes of lower-case hex that has been looked at already. */
export function unhex(text) {
  const digit = (code) => code - (code < 58 ? 48 : 87);
  const bytes = new Uint8Array(text.length / 2);
  for (let at = 0; at < bytes.length; at += 1) {
    bytes[at] = 16 * digit(text.charCodeAt(2 * at)) + digit(text.charCodeAt(2 * at + 1));
  }
  return bytes;
}

const encoder = new TextEncoder();

/** A text in UTF-8. */
export function utf8(text) {
  return encoder.encode(text);
}

/** Bytes one behind the other. */
export function joined(...parts) {
  const all = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

const schedule = new Int32Array(64);

/** Take the 16 words at the beginning of `schedule` into a state of eight. */
function compress(state) {
  const w = schedule;
  for (let t = 16; t < 64; t += 1) {
    const x = w[t - 15];
    const y = w[t - 2];
    const small = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
    const large = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
    w[t] = (w[t - 16] + small + w[t - 7] + large) | 0;
  }
  // Taken one by one: to spread them would cost as much as half the hash.
  let a = state[0];
  let b = state[1];
  let c = state[2];
  let d = state[3];
  let e = state[4];
  let f = state[5];
  let g = state[6];
  let h = state[7];
  for (let t = 0; t < 64; t += 1) {
    const turned = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
    const one = (h + turned + ((e & f) ^ (~e & g)) + K_256[t] + w[t]) | 0;
    const spun = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
    const two = (spun + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + one) | 0;
    d = c;
    c = b;
    b = a;
    a = (one + two) | 0;
  }
  state[0] += a;
  state[1] += b;
  state[2] += c;
  state[3] += d;
  state[4] += e;
  state[5] += f;
  state[6] += g;
  state[7] += h;
}

/** A running SHA-256; `copy` goes on from here twice. */
export class Sha256 {
  constructor() {
    this.state = Int32Array.from(H_256);
    this.rest = new Uint8Array(64);
    this.length = 0;
  }

  copy() {
    const other = new Sha256();
    other.state.set(this.state);
    other.rest.set(this.rest);
    other.length = this.length;
    return other;
  }

  update(bytes) {
    let at = 0;
    const begun = this.length % 64;
    this.length += bytes.length;
    if (begun) {
      at = Math.min(64 - begun, bytes.length);
      this.rest.set(bytes.subarray(0, at), begun);
      if (begun + at < 64) return this;
      this.take(this.rest, 0);
    }
    for (; at + 64 <= bytes.length; at += 64) this.take(bytes, at);
    this.rest.set(bytes.subarray(at));
    return this;
  }

  take(bytes, from) {
    for (let t = 0, at = from; t < 16; t += 1, at += 4) {
      schedule[t] = (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
    }
    compress(this.state);
  }

  /** End, and give 32 bytes. */
  digest() {
    const bits = 8 * this.length;
    const padding = new Uint8Array(((119 - (this.length % 64)) % 64) + 9);
    padding[0] = 0x80;
    const tail = new DataView(padding.buffer, padding.length - 8);
    tail.setUint32(0, Math.floor(bits / 2 ** 32));
    tail.setUint32(4, bits >>> 0);
    this.update(padding);
    return bytesOf(this.state);
  }
}

function bytesOf(words) {
  const bytes = new Uint8Array(32);
  for (let place = 0, at = 0; place < 8; place += 1) {
    const word = words[place];
    bytes[at++] = word >>> 24;
    bytes[at++] = word >>> 16;
    bytes[at++] = word >>> 8;
    bytes[at++] = word;
  }
  return bytes;
}

export function sha256(...parts) {
  const running = new Sha256();
  for (const part of parts) running.update(part);
  return running.digest();
}

/** HMAC-SHA-256 of many messages under one key of at most 64 bytes. */
export class Hmac {
  constructor(key) {
    const padded = new Uint8Array(64);
    padded.set(key);
    this.inner = new Sha256().update(padded.map((byte) => byte ^ 0x36));
    this.outer = new Sha256().update(padded.map((byte) => byte ^ 0x5c));
  }

  digest(message) {
    return this.outer.copy().update(this.inner.copy().update(message).digest()).digest();
  }
}

/**
 * Hash a seed down so many links, each SHA-256("rooms/link/1" || seed).
 * The twelve letters are three words, so that a link is one block which is never read as bytes.
 */
export function walk(seed, links) {
  const view = new DataView(seed.buffer, seed.byteOffset, 32);
  const state = new Int32Array(8);
  for (let place = 0; place < 8; place += 1) state[place] = view.getInt32(4 * place);
  for (let done = 0; done < links; done += 1) {
    schedule[0] = 0x726f6f6d;
    schedule[1] = 0x732f6c69;
    schedule[2] = 0x6e6b2f31;
    for (let place = 0; place < 8; place += 1) {
      schedule[3 + place] = state[place];
      state[place] = H_256[place];
    }
    schedule[11] = 0x80000000;
    schedule[12] = schedule[13] = schedule[14] = 0;
    schedule[15] = 8 * (12 + 32);
    compress(state);
  }
  return bytesOf(state);
}

/** SHA-512, as Ed25519 needs it: short messages, so plain numbers of 64 bits will do. */
export function sha512(message) {
  const length = Math.ceil((message.length + 17) / 128) * 128;
  const padded = new Uint8Array(length);
  padded.set(message);
  padded[message.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setUint32(length - 4, 8 * message.length);
  const state = [...H_512];
  for (let from = 0; from < length; from += 128) compress512(state, view, from);
  const digest = new DataView(new ArrayBuffer(64));
  state.forEach((word, place) => digest.setBigUint64(8 * place, word));
  return new Uint8Array(digest.buffer);
}

function compress512(state, view, from) {
  const turn = (word, by) => (word >> by) | ((word << (64n - by)) & ALL_64);
  const w = [];
  for (let t = 0; t < 16; t += 1) w.push(view.getBigUint64(from + 8 * t));
  for (let t = 16; t < 80; t += 1) {
    const small = turn(w[t - 15], 1n) ^ turn(w[t - 15], 8n) ^ (w[t - 15] >> 7n);
    const large = turn(w[t - 2], 19n) ^ turn(w[t - 2], 61n) ^ (w[t - 2] >> 6n);
    w.push((w[t - 16] + small + w[t - 7] + large) & ALL_64);
  }
  let [a, b, c, d, e, f, g, h] = state;
  for (let t = 0; t < 80; t += 1) {
    const turned = turn(e, 14n) ^ turn(e, 18n) ^ turn(e, 41n);
    const one = h + turned + ((e & f) ^ (~e & ALL_64 & g)) + K_512[t] + w[t];
    const spun = turn(a, 28n) ^ turn(a, 34n) ^ turn(a, 39n);
    const two = spun + ((a & b) ^ (a & c) ^ (b & c));
    [a, b, c, d, e, f, g, h] = [(one + two) & ALL_64, a, b, c, (d + one) & ALL_64, e, f, g];
  }
  [a, b, c, d, e, f, g, h].forEach((word, place) => {
    state[place] = (state[place] + word) & ALL_64;
  });
}
