// What vendors show of releases: the statuses of a commit on GitHub, and the board on Monday.

import { h } from './dom.js';
import { clock } from './time.js';

const MOODS = { success: 'good', failure: 'bad', error: 'bad', pending: 'run', in_progress: 'run', inactive: '' };
const MARKS = { good: '✓', bad: '✕', run: '…', '': '·' };

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

/** The board as a table: one row for each release. */
export function mondayPanel(monday) {
  if (!monday?.items?.length) return [];
  return [
    h('h2', { key: 'head' }, 'Monday', h('small', { class: 'quiet' }, monday.name)),
    h('div', { key: 'board', class: 'panel board' }, h('table', null,
      h('thead', null, h('tr', null, ['Item', ...monday.columns.map((column) => column.title)].map((title) => h('th', { key: title, scope: 'col' }, title)))),
      h('tbody', null, monday.items.map((item) => h('tr', { key: item.id },
        h('th', { scope: 'row' }, item.name),
        monday.columns.map((column) => h('td', { key: column.id }, shown(column, item.values[column.id])))))))),
  ];
}

function shown(column, value) {
  if (value == null) return '';
  switch (column.kind) {
    case 'status': return h('span', { class: 'chip' }, value.label ?? '');
    case 'date': return clock(Date.parse(`${value.date}T${value.time ?? '00:00:00'}Z`), true);
    case 'link': return value.text ?? value.url;
    default: return String(value);
  }
}
