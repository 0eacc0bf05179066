// Times in the reader's zone, and how long until, by the server's clock.

const clock = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
const seconds = new Intl.DateTimeFormat(undefined, clock);
const minutes = new Intl.DateTimeFormat(undefined, { ...clock, second: undefined });
const days = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });

let offset = 0;

/** Learn from a snapshot how far the server's clock is ahead of ours. */
export function setClock(now) {
  offset = Date.parse(now) - Date.now();
}

/** Give the server's time as Unix milliseconds. */
export function serverNow() {
  return Date.now() + offset;
}

/** Write `14:02:11`. */
export function atSecond(instant) {
  return seconds.format(new Date(instant));
}

function withDay(instant, format) {
  const date = new Date(instant);
  const today = days.format(new Date(serverNow())) === days.format(date);
  return today ? format.format(date) : `${days.format(date)}, ${format.format(date)}`;
}

/** Write `14:30`, with the day where it is not today. */
export function atMinute(instant) {
  return withDay(instant, minutes);
}

/** Write `14:30:11`, with the day where it is not today. */
export function atMoment(instant) {
  return withDay(instant, seconds);
}

/** Write `14:02:11.125`: what was decided by milliseconds is shown with them. */
export function atMillisecond(instant) {
  const millis = String(new Date(instant).getUTCMilliseconds()).padStart(3, "0");
  return `${withDay(instant, seconds)}.${millis}`;
}

/** Write how long until, `4:05` or `1:04:05`; null where it has passed. */
export function until(instant) {
  const left = Math.ceil((Date.parse(instant) - serverNow()) / 1000);
  if (left <= 0) return null;
  const two = (number) => String(number).padStart(2, "0");
  const [hours, rest] = [Math.floor(left / 3600), left % 3600];
  const tail = `${two(Math.floor(rest / 60))}:${two(rest % 60)}`;
  return hours ? `${hours}:${tail}` : tail.replace(/^0(?=\d:)/, "");
}

/** Call at each second of the server's clock, so that all countdowns turn together. */
export function everySecond(act) {
  const turn = () => {
    act();
    setTimeout(turn, 1000 - (((serverNow() % 1000) + 1000) % 1000) + 5);
  };
  turn();
}

