// World time: the world's clock runs faster than the browser's, by a factor the server tells.

let anchor = { world: Date.now(), here: performance.now(), factor: 1 };

/** Sets the clock by what a snapshot says. */
export function setClock({ now, factor }) {
  anchor = { world: Date.parse(now), here: performance.now(), factor: factor ?? 1 };
}

/** World time now, in milliseconds. */
export function worldNow() {
  return anchor.world + (performance.now() - anchor.here) * anchor.factor;
}

/** How many world seconds pass in one of ours. */
export function speed() {
  return anchor.factor;
}

/** A span in words: `8 s`, `2 min 5 s`, `1 h 4 min`. */
export function span(milliseconds) {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return seconds % 60 ? `${minutes} min ${seconds % 60} s` : `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
}

/** How long something has taken, up to now if it has not ended. */
export function took(from, to) {
  if (!from) return '';
  return span((to ? Date.parse(to) : worldNow()) - Date.parse(from));
}

/** How long ago. */
export function ago(when) {
  const passed = worldNow() - (typeof when === 'number' ? when : Date.parse(when));
  if (passed < 5000) return 'just now';
  const minutes = passed / 60000;
  if (minutes < 1) return `${Math.round(passed / 1000)} s ago`;
  if (minutes < 60) return `${Math.round(minutes)} min ago`;
  if (minutes < 60 * 24) return `${Math.round(minutes / 60)} h ago`;
  return new Date(worldNow() - passed).toLocaleDateString();
}

const two = (number) => String(number).padStart(2, '0');

/** The time of day. */
export function clock(milliseconds, seconds = false) {
  const date = new Date(milliseconds);
  const short = `${two(date.getHours())}:${two(date.getMinutes())}`;
  return seconds ? `${short}:${two(date.getSeconds())}` : short;
}

/** A Slack timestamp in milliseconds. */
export function ofStamp(ts) {
  return Number.parseFloat(ts) * 1000;
}
