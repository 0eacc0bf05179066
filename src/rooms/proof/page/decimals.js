// Decimal numbers as text, never rounded: each is a whole number of 10**-80, BigInt.

import { Malformed } from "./fields.js";

const PLACES = 80;
const DECIMAL = /^(-?)([0-9]+)(?:\.([0-9]+))?$/;
const BEYOND = /[\ud800-\udfff]/;
const MILLIS_OF_A_YEAR = 366n * 24n * 3600n * 1000n;

/** One, as decimals are kept here. */
export const UNIT = 10n ** BigInt(PLACES);

/** Read digits with at most one point; null for anything else. */
export function parseDecimal(written) {
  const [, sign, before, after = ""] = partsOf(written) ?? [];
  return before === undefined ? null : BigInt(sign + before + after.padEnd(PLACES, "0"));
}

/** How many digits a number was written with, and the power of ten of its first that is not 0. */
export function digitsOf(written) {
  const [, , before, after = ""] = partsOf(written);
  const digits = (before + after).replace(/^0+/, "").length;
  return { digits, exponent: digits - after.length - 1 };
}

function partsOf(written) {
  return typeof written === "string" && written.length <= PLACES ? DECIMAL.exec(written) : null;
}

/** Write a decimal with no zeros at its end. */
export function plainOf(decimal) {
  const digits = String(decimal < 0n ? -decimal : decimal).padStart(PLACES + 1, "0");
  const after = digits.slice(-PLACES).replace(/0+$/, "");
  return `${decimal < 0n ? "-" : ""}${digits.slice(0, -PLACES)}${after ? "." : ""}${after}`;
}

/** Read a decimal number in a string. */
export function decimal(value, name) {
  const found = parseDecimal(value[name]);
  if (found === null) throw new Malformed(`"${name}" is not a decimal number in a string`);
  return found;
}

/** Read a whole amount as rooms write it, below 0 too: what it must be is judged by the rules. */
export function lamports(value, name) {
  decimal(value, name);
  if (value[name].includes(".")) throw new Malformed(`"${name}" is not a whole amount`);
  return BigInt(value[name]);
}

/** Read a duration of at most a year, in milliseconds. */
export function millis(value, name) {
  const found = value[name];
  const length = typeof found === "bigint" && (found < 0n ? -found : found);
  if (length === false || length > MILLIS_OF_A_YEAR) {
    throw new Malformed(`"${name}" is not a duration in milliseconds`);
  }
  return found;
}

/** Read true or false. */
export function flag(value, name) {
  if (typeof value[name] !== "boolean") throw new Malformed(`"${name}" is not true or false`);
  return value[name];
}

export function smallest(values) {
  return values.reduce((one, other) => (other < one ? other : one));
}

/** Compare for a sort; what compares alike keeps its place. Texts compare by code points. */
export function order(one, other) {
  if (typeof one === "string" && (BEYOND.test(one) || BEYOND.test(other))) return byCodePoint(one, other);
  return one < other ? -1 : one > other ? 1 : 0;
}

/** The language compares halves of characters, which are lower than some characters. */
function byCodePoint(one, other) {
  const [left, right] = [[...one], [...other]].map((text) => text.map((each) => each.codePointAt(0)));
  const place = left.findIndex((each, at) => each !== right[at]);
  if (place < 0) return order(left.length, right.length);
  return place < right.length ? order(left[place], right[place]) : 1;
}
