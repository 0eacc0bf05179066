// Reading JSON as written by strangers: whole numbers stay exact, no name is there twice, and what
// is not of the form is named in a sentence.

const LONGEST_NUMBER = 4300;
const DEEPEST = 100;
const MOST_NUMBERS = 1000;
const AGE = [1970, 2999];

/** A file or line that is not of its form; the message is a clause for a person. */
export class Malformed extends Error {}

/** Read a text that is one JSON object; numbers become BigInt, so that none is rounded. */
export function readObject(text) {
  const value = new Reader(text).whole();
  if (!isObject(value)) throw new Malformed("it is not a JSON object");
  return value;
}

function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const SPACE = /[ \t\n\r]*/y;
const PLAIN = /"([^"\\\u0000-\u001f]*)"/y;
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const NUMBER = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?/y;
const WORD = /true|false|null/y;
const SMALL = Array.from({ length: 100 }, (_, number) => BigInt(number));
const WORDS = { true: true, false: false, null: null };

class Reader {
  constructor(text) {
    this.text = text;
    this.at = 0;
  }

  whole() {
    const value = this.value(0);
    this.skip();
    if (this.at < this.text.length) this.refuse();
    return value;
  }

  refuse() {
    throw new Malformed("it is not JSON");
  }

  match(pattern) {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text);
    if (found !== null) this.at = pattern.lastIndex;
    return found;
  }

  skip() {
    const code = this.text.charCodeAt(this.at);
    if (code <= 32) this.match(SPACE);
  }

  value(depth) {
    if (depth > DEEPEST) this.refuse();
    this.skip();
    const next = this.text[this.at];
    if (next === '"') return this.string();
    if (next === "{") return this.object(depth);
    if (next === "[") return this.list(depth);
    if (next !== "t" && next !== "f" && next !== "n") return this.number();
    const word = this.match(WORD);
    return word ? WORDS[word[0]] : this.refuse();
  }

  string() {
    const plain = this.match(PLAIN);
    if (plain) return plain[1];
    const found = this.match(STRING);
    return found ? JSON.parse(found[0]) : this.refuse();
  }

  number() {
    const small = this.small();
    if (small !== null) return small;
    const found = this.match(NUMBER);
    if (!found || found[0].length > LONGEST_NUMBER) this.refuse();
    const [text, fraction, exponent] = found;
    if (fraction || exponent) throw new Malformed(`${text.slice(0, 40)} is not a whole number`);
    return BigInt(text);
  }

  /** A number of one or two digits, of which a day has a million; null for any other. */
  small() {
    const digit = (place) => {
      const code = this.text.charCodeAt(this.at + place) - 48;
      return code >= 0 && code <= 9 ? code : -1;
    };
    const ends = (place) => ",]}".includes(this.text[this.at + place] ?? " ");
    const [one, two] = [digit(0), digit(1)];
    if (one < 0 || !(two < 0 ? ends(1) : one > 0 && ends(2))) return null;
    this.at += two < 0 ? 1 : 2;
    return SMALL[two < 0 ? one : 10 * one + two];
  }

  /** After a part: true where another follows, false where the bracket closes. */
  more(bracket) {
    this.skip();
    const next = this.text[this.at];
    this.at += 1;
    if (next !== "," && next !== bracket) this.refuse();
    return next === ",";
  }

  isEmpty(bracket) {
    this.at += 1;
    this.skip();
    if (this.text[this.at] !== bracket) return false;
    this.at += 1;
    return true;
  }

  list(depth) {
    const value = [];
    if (this.isEmpty("]")) return value;
    do value.push(this.value(depth + 1));
    while (this.more("]"));
    return value;
  }

  object(depth) {
    const value = Object.create(null);
    if (this.isEmpty("}")) return value;
    let twice = false;
    do {
      this.skip();
      const name = this.string();
      this.skip();
      if (this.text[this.at] !== ":") this.refuse();
      this.at += 1;
      twice ||= name in value;
      value[name] = this.value(depth + 1);
    } while (this.more("}"));
    if (twice) throw new Malformed("a name is there twice");
    return value;
  }
}

/** Write a value as canonical JSON (RFC 8785); Malformed for what has no such form. */
export function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (isObject(value)) {
    const names = Object.keys(value).sort();
    return `{${names.map((name) => `${canonical(name)}:${canonical(value[name])}`).join(",")}}`;
  }
  if (typeof value === "bigint") {
    if (BigInt(Number.MAX_SAFE_INTEGER) < (value < 0n ? -value : value)) {
      throw new Malformed("a number is too large for canonical JSON");
    }
    return String(value);
  }
  if (typeof value === "string" && /\p{Surrogate}/u.test(value)) {
    throw new Malformed("a text is not Unicode");
  }
  return JSON.stringify(value);
}

function wrong(name, wanted) {
  throw new Malformed(`"${name}" is not ${wanted}`);
}

/** Refuse what has other fields than these: nothing in a proof is there unchecked. */
export function requireNames(value, names) {
  const has = Object.keys(value);
  const other = has.filter((name) => !names.includes(name));
  const missing = names.filter((name) => !(name in value));
  if (other.length + missing.length === 0) return;
  const different = [...other, ...missing].sort().join(", ").slice(0, 200);
  throw new Malformed(`it has not just the fields it should have: ${different}`);
}

export function text(value, name) {
  const found = value[name];
  if (typeof found !== "string" || /\p{Surrogate}/u.test(found)) wrong(name, "a string");
  return found;
}

export function whole(value, name) {
  return typeof value[name] === "bigint" ? value[name] : wrong(name, "a whole number");
}

export function table(value, name) {
  return isObject(value[name]) ? value[name] : wrong(name, "an object");
}

export function tables(value, name) {
  const found = value[name];
  return Array.isArray(found) && found.every(isObject) ? found : wrong(name, "a list of objects");
}

/** Bytes, as the lower-case hex in which they are compared. */
export function octets(value, name, length) {
  const found = text(value, name);
  if (found.length !== 2 * length || !isHex(found)) wrong(name, `${length} bytes in lower-case hex`);
  return found;
}

/** Any number of bytes in lower-case hex. */
export function anyOctets(value, name) {
  const found = text(value, name);
  return found.length % 2 === 0 && isHex(found) ? found : wrong(name, "hexadecimal");
}

function isHex(found) {
  return /^[0-9a-f]*$/.test(found);
}

/** Read a field that may be null. */
export function optional(read, value, name, ...rest) {
  return value[name] === null || value[name] === undefined ? null : read(value, name, ...rest);
}

/** An amount of at least 0, written in the one way in which amounts are. */
export function amount(value, name) {
  const found = text(value, name);
  return /^(?:0|[1-9][0-9]{0,79})$/.test(found) ? BigInt(found) : wrong(name, "an amount");
}

/** A list of numbers from 1, each once; they are small enough to be plain numbers. */
export function numbers(value, name) {
  const found = value[name];
  if (!Array.isArray(found) || found.length < 1 || found.length > MOST_NUMBERS) {
    return wrong(name, "a list of numbers");
  }
  const good = found.every((each) => typeof each === "bigint" && each >= 1n && each <= MOST_NUMBERS);
  const plain = good ? found.map(Number) : [];
  if (!good || new Set(plain).size < plain.length) {
    wrong(name, `a list of numbers from 1 to ${MOST_NUMBERS}, each once`);
  }
  return plain;
}

const TIME = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:[0-5]\d)$/;

/** A time of our age, in Unix milliseconds. */
export function instant(value, name) {
  const [, day, clock, fraction = "", zone] = TIME.exec(text(value, name)) ?? [];
  const millis = fraction.slice(0, 3).padEnd(3, "0");
  const at = day === undefined ? NaN : Date.parse(`${day}T${clock}.${millis}${zone}`);
  const local = Date.parse(`${day}T${clock}.${millis}Z`);
  // A calendar that rolls over, as the 31st of November, is no time.
  if (Number.isNaN(at) || !new Date(local).toISOString().startsWith(`${day}T${clock}`)) {
    wrong(name, "an RFC 3339 time");
  }
  const year = new Date(at).getUTCFullYear();
  return year >= AGE[0] && year <= AGE[1] ? BigInt(at) : wrong(name, "a time of our age");
}

/** A time written as the house writes it, and so in one way only. */
export function exactInstant(value, name) {
  const at = instant(value, name);
  if (rfc3339(at) !== value[name]) wrong(name, "an RFC 3339 time in UTC with milliseconds");
  return at;
}

/** A day of the calendar, as the Unix milliseconds of its beginning. */
export function date(value, name) {
  const found = text(value, name);
  const at = /^\d{4}-\d\d-\d\d$/.test(found) ? new Date(`${found}T00:00:00Z`) : new Date(NaN);
  const good = !Number.isNaN(at.valueOf()) && at.toISOString().startsWith(found);
  return good ? BigInt(at.valueOf()) : wrong(name, "a date such as 2026-11-20");
}

export function rfc3339(millis) {
  const at = Number(millis);
  return Math.abs(at) <= 8.64e15 ? new Date(at).toISOString() : `${millis} ms`;
}
