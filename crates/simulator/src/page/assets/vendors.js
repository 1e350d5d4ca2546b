// What vendors show of releases: the statuses of a commit on GitHub, and the board on Monday.

import { h } from './dom.js';
import { clock } from './time.js';

const MOODS = { success: 'good', failure: 'bad', error: 'bad', pending: 'run', in_progress: 'run', inactive: '' };
/** Longer values come last, on lines of their own. */
const LONG = 60;
const MARKS = { good: '✓', bad: '✕', run: '…', '': '·' };

/** Colours of the labels that Gantry sets unless it is configured to set others. */
const STATUSES = { 'Waiting for approval': 'wait', Released: 'good', Declined: '', 'Rolled back': 'wait', Failed: 'bad', 'Needs a person': 'bad' };

/** The newest status of each context, and how each deployment stands. */
export function shownBy(github, sha) {
  const newest = new Map();
  for (const status of github.statuses ?? []) {
    if (status.sha === sha && !newest.has(status.context)) newest.set(status.context, status);
  }
  const deployments = (github.deployments ?? []).filter((one) => one.sha === sha);
  if (!newest.size && !deployments.length) return [];
  return h('p', { class: 'chips' },
    [...newest.values()].reverse().map((status) => chip(`s ${status.context}`, status.state, status.context, status.description)),
    deployments.map((one) => chip(`d ${one.id}`, one.statuses.at(-1)?.state ?? 'pending', `deployed to ${one.environment}`, one.statuses.at(-1)?.description)).reverse());
}

function chip(key, state, words, title) {
  const mood = MOODS[state] ?? '';
  return h('span', { key, class: `chip ${mood}`, title: title ?? '' }, `${MARKS[mood]} ${words}`);
}

/** Says that a vendor is down, where it is. */
export function outage(vendor, name) {
  return vendor.down && h('span', { class: 'chip bad', role: 'status' }, `✕ ${name} is down`);
}

/** The board: one item for each release. */
export function mondayPanel(monday) {
  if (!monday?.columns?.length) return [];
  return [
    h('h2', { key: 'head' }, 'Monday', h('small', { class: 'quiet' }, monday.name), outage(monday, 'Monday')),
    !monday.items.length && h('p', { key: 'empty', class: 'panel empty' }, 'Each release becomes an item here.'),
    monday.items.length > 0 && h('ul', { key: 'board', class: 'panel board' }, monday.items.map((item) => row(item, monday.columns))),
  ];
}

/** One line of the board: its name and status, then its other columns side by side as far as they are filled in. */
function row(item, columns) {
  const filled = columns.filter((column) => item.values[column.id] != null);
  const long = (column) => shown(column, item.values[column.id]).length > LONG;
  const cells = filled.filter((column) => column.kind !== 'status').sort((a, b) => long(a) - long(b));
  return h('li', { key: item.id },
    h('p', { class: 'item' }, h('strong', null, item.name),
      filled.filter((column) => column.kind === 'status').map((column) => status(item.values[column.id].label ?? ''))),
    h('dl', null, cells.map((column) => h('div', { key: column.id }, h('dt', null, column.title), h('dd', null, shown(column, item.values[column.id]))))));
}

function status(label) {
  return h('span', { class: `chip ${STATUSES[label] ?? 'run'}` }, label);
}

function shown(column, value) {
  switch (column.kind) {
    case 'date': return clock(Date.parse(`${value.date}T${value.time ?? '00:00:00'}Z`), true);
    case 'link': return value.text ?? value.url;
    default: return String(value);
  }
}
