// The rooms of the house between two snapshots: the feed moves each on as it happens.

/** Whether a room is over. */
export function hasEnded(room) {
  return room.status === "SETTLED" || room.status === "VOIDED";
}

function nextEvent(room) {
  return room.status === "QUEUING" || room.status === "OPEN" ? room.locks_at : room.settles_at;
}

function order(one, other) {
  const [first, second] = [nextEvent(one), nextEvent(other)];
  if (first !== second) return first < second ? -1 : 1;
  return BigInt(one.id) < BigInt(other.id) ? -1 : 1;
}

/**
 * Give the snapshot with a room as the feed shows it: in its place among those in play, the most
 * urgent first, or out of them once it has ended. Its course is the one known. Where more are in
 * play than are shown, one that is not shown may be any of those.
 */
export function moved(snapshot, room) {
  const known = snapshot.rooms.find((each) => each.id === room.id);
  const others = snapshot.rooms.filter((each) => each !== known);
  if (hasEnded(room)) {
    return known ? { ...snapshot, rooms: others, playing: snapshot.playing - 1 } : snapshot;
  }
  if (!known && snapshot.rooms.length < snapshot.playing) return snapshot;
  const rooms = [...others, { ...room, course: known?.course ?? [] }].sort(order);
  return { ...snapshot, rooms, playing: snapshot.playing + (known ? 0 : 1) };
}

/** Keeps what the feed said after the snapshot that is shown, and puts it on the next ones too. */
export function moving() {
  const news = new Map();
  return {
    /** Take what was told of a room at an instant. */
    take: (at, room) => news.set(room.id, { at, room }),
    /** Give a snapshot with what was told after it was made. */
    onto(snapshot) {
      for (const [id, { at }] of news) if (at <= snapshot.now) news.delete(id);
      return [...news.values()].reduce((shown, { room }) => moved(shown, room), snapshot);
    },
  };
}
