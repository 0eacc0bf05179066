// Numbers to play: by chance, as typed, as saved in this browser.

const SAVED = "rooms.keno.saved";
const MOST_SAVED = 6;

/** Pick so many different numbers from 1 to `numbers`, each set as likely as any other. */
export function quickPick(count, numbers) {
  const pool = Array.from({ length: numbers }, (_, index) => index + 1);
  for (let place = 0; place < count; place += 1) {
    const other = place + below(numbers - place);
    [pool[place], pool[other]] = [pool[other], pool[place]];
  }
  return sorted(pool.slice(0, count));
}

function below(bound) {
  const word = new Uint32Array(1);
  const fair = 2 ** 32 - (2 ** 32 % bound);
  do crypto.getRandomValues(word);
  while (word[0] >= fair);
  return word[0] % bound;
}

export function sorted(picks) {
  return [...picks].sort((a, b) => a - b);
}

/** Read numbers as people type them: `3 17, 22`. Says what was left out and why. */
export function readPicks(text, numbers, most) {
  const typed = [...new Set((text.match(/\d+/g) ?? []).map(Number))];
  const known = typed.filter((number) => number >= 1 && number <= numbers);
  const picks = sorted(known.slice(0, most));
  const left = [];
  if (known.length < typed.length) left.push(`numbers go from 1 to ${numbers}`);
  if (known.length > most) left.push(`a ticket has at most ${most}; ${known.slice(most).join(", ")} left out`);
  return { picks, left: left.join("; ") };
}

/** Give the picks that this browser keeps. */
export function savedPicks() {
  try {
    const kept = JSON.parse(localStorage.getItem(SAVED) ?? "[]");
    return kept.filter((picks) => Array.isArray(picks) && picks.every(Number.isInteger));
  } catch {
    return [];
  }
}

export function savePicks(picks) {
  const others = savedPicks().filter((each) => String(each) !== String(picks));
  keep([sorted(picks), ...others].slice(0, MOST_SAVED));
}

export function forgetPicks(picks) {
  keep(savedPicks().filter((each) => String(each) !== String(picks)));
}

function keep(all) {
  try {
    localStorage.setItem(SAVED, JSON.stringify(all));
  } catch {
    // A browser that keeps nothing still plays.
  }
}
