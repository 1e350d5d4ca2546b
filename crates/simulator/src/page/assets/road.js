// A release's road: the stations on top, what each of them did underneath, with times.

import { h } from './dom.js';
import { ago, span, took, worldNow } from './time.js';

const WORDS = {
  ClaimRelease: 'Claim the release',
  PlanForApproval: 'Plan what would change',
  AskApproval: 'Wait for a person',
  ReadDecision: 'Read the decision',
  AcquireLock: 'Lock the stage',
  PlanUnderLock: 'Plan under the lock',
  ReleaseLockToAskAgain: 'Unlock, to ask again',
  PlanRollback: 'Find the way back',
  RollBack: 'Put back what ran before',
  RecordRollback: 'Record what runs, and hold',
  RollOut: 'Roll out',
  RecordStage: 'Record what was verified',
  ReleaseLock: 'Unlock the stage',
  RecordSuccess: 'Record success',
  RecordDecline: 'Record the decline',
  RecordFailure: 'Record the failure',
  StartTask: 'start the task',
  WatchTask: 'watch the task',
  StartDeployments: 'start the deployment',
  WatchWave: 'watch the deployment',
  RunChecks: 'run the checks',
};
const GATE = new Set(['PlanForApproval', 'AskApproval', 'ReadDecision']);
/** What is written down at the end belongs to no stage. */
const LAST = /^Record(Success|Decline|Failure|PutBack)$/;
/** From here on a stage goes back to what ran before. */
const BACK = new Set(['PlanRollback', 'RollBack', 'RecordRollback']);
/** A lock that is not there by then is waited for in line, in milliseconds of world time. */
const IN_LINE = 60_000;
/** States that only steer. */
const STEERING = /^(Is|Has|Are|Which)[A-Z]|^(Begin|EnterStage|LeaveStage|LeaveStep|BeginChecks|AgreeOnPlan|RolloutSucceeded|RolloutFailed)$/;
const ENDS = {
  Succeeded: ['good', 'Succeeded', 'Done'],
  Declined: ['idle', 'Declined', 'Declined'],
  RolledBack: ['wait', 'Rolled back', 'Rolled back'],
  FailedClean: ['bad', 'Failed, nothing changed', 'Failed'],
  FailedDirty: ['bad', 'Failed, needs a person', 'Failed'],
  ABORTED: ['bad', 'Stopped by a person', 'Stopped'],
  TIMED_OUT: ['bad', 'Out of time', 'Out of time'],
  FAILED: ['bad', 'Failed', 'Failed'],
};
const DIED = {
  ABORTED: 'Its execution was stopped. Gantry notices, puts in order what was begun, and tells in Slack how the release ended.',
  TIMED_OUT: 'Its execution ran out of time. Gantry notices, puts in order what was begun, and tells in Slack how the release ended.',
};
const MARKS = { good: '✓', bad: '✕', wait: '!', run: '', idle: '–', todo: '' };

/** All releases, the newest open. */
export function roadPanel(releases) {
  if (!releases?.length) {
    return h('div', { key: 'none', class: 'panel empty-road' },
      h('h2', null, 'No release yet'),
      h('p', null, 'Push a commit and its images: the release starts by itself, and its road appears here.'));
  }
  const [newest, ...older] = releases;
  return [
    release(newest),
    older.length > 0 && h('div', { key: 'older', class: 'older' }, older.map(folded)),
  ];
}

function visible(states) {
  return (states ?? []).filter((state) => !['Choice', 'Pass', 'Fail', 'Succeed'].includes(state.type) && !STEERING.test(state.name) && !(state.name in ENDS));
}

function release(one) {
  const stations = stationsOf(one);
  const [mood, words] = outcome(one, stations);
  const waits = mood === 'wait' && !one.end;
  return h('article', { key: `${one.id} ${one.startedAt}`, class: 'panel release' },
    h('header', { class: 'release-head' },
      h('div', null,
        h('h2', null, one.title ?? one.id),
        h('p', { class: 'quiet' }, one.commit && h('code', null, one.commit.slice(0, 7)), one.author && ` ${one.author} ·`, ` started ${ago(one.startedAt)}`)),
      h('p', { class: `outcome ${mood}` }, waits ? h('a', { href: '#slack' }, words) : words, h('small', null, took(one.startedAt, one.endedAt)))),
    reason(one) && h('p', { class: `reason ${mood}` }, reason(one)),
    h('ol', { class: 'track' }, stations.map((station) =>
      h('li', { key: station.id, class: `station ${station.mood}`, 'aria-current': ['run', 'wait'].includes(station.mood) ? 'step' : null },
        h('span', { class: 'dot', 'aria-hidden': 'true' }, MARKS[station.mood]),
        h('span', { class: 'name' }, station.name),
        h('span', { class: 'when' }, station.from ? took(station.from, station.to) : '')))),
    h('div', { class: 'stages' }, stations.filter(worthDetails).map((station) => details(station))));
}

/** An execution that died tells nothing of how its release ended: Gantry finds that out, and tells. */
function reason(one) {
  return one.end in DIED ? DIED[one.end] : one.reason;
}

/** The start says nothing more than its dot does, once it went well. */
function worthDetails(station) {
  return station.rows.length > 0 && (station.id !== 'start' || station.mood !== 'good');
}

function folded(one) {
  const [mood, words] = outcome(one, []);
  return h('details', { key: `${one.id} ${one.startedAt}`, class: 'panel folded' },
    h('summary', null, h('span', { class: `pip ${mood}`, 'aria-hidden': 'true' }), h('strong', null, one.title ?? one.id),
      h('span', { class: 'quiet' }, ` ${words.toLowerCase()} · ${ago(one.endedAt ?? one.startedAt)}`)),
    reason(one) && h('p', { class: 'quiet' }, reason(one)),
    h('div', { class: 'stages' }, stationsOf(one).filter(worthDetails).map((station) => details(station))));
}

function outcome(one, stations) {
  if (one.end) return ENDS[one.end] ?? ['idle', one.end];
  const back = stations.find((station) => station.states.some((state) => BACK.has(state.name)));
  if (back) return ['wait', `Putting ${back.name.toLowerCase()} back`];
  const current = stations.find((station) => ['run', 'wait'].includes(station.mood));
  if (current?.gate) return ['wait', 'Waiting for approval'];
  const last = current?.states.at(-1);
  if (last?.name === 'AcquireLock' && !last.leftAt && worldNow() - Date.parse(last.enteredAt) > IN_LINE) return ['wait', `In line for ${current.name.toLowerCase()}`];
  return ['run', current ? `In ${current.name.toLowerCase()}` : 'Under way'];
}

/** Claim, then per stage a gate and the stage itself, then the end. */
function stationsOf(one) {
  const states = visible(one.states).filter((state) => !LAST.test(state.name));
  const named = one.stages ?? [...new Set(states.map((state) => state.stage).filter(Boolean))].map((name) => ({ name, gate: states.some((state) => state.stage === name && GATE.has(state.name)) }));
  const first = states.filter((state) => !state.stage);
  const stations = [{ id: 'start', name: 'Start', states: first }];
  for (const stage of named) {
    const own = states.filter((state) => state.stage === stage.name);
    if (stage.gate) stations.push({ id: `gate ${stage.name}`, name: 'Approval', gate: true, states: own.filter((state) => GATE.has(state.name)) });
    const rest = own.filter((state) => !stage.gate || !GATE.has(state.name));
    stations.push({ id: stage.name, name: title(stage.name), states: rest, rollouts: (one.rollouts ?? []).filter((rollout) => rollout.stage === stage.name) });
  }
  const last = [...stations].reverse().find((station) => station.states.length);
  for (const station of stations) {
    station.from = station.states[0]?.enteredAt;
    station.to = station.states.some((state) => !state.leftAt) ? null : station.states.at(-1)?.leftAt;
    station.mood = mood(station, one, station === last);
    station.rows = rowsOf(station);
  }
  const [endMood, , name] = one.end ? ENDS[one.end] ?? ['idle', one.end, one.end] : ['todo', '', 'Done'];
  stations.push({ id: 'end', name, mood: endMood, states: [], rows: [] });
  return stations;
}

function mood(station, one, isLast) {
  if (!station.states.length) return 'todo';
  const failed = station.states.some((state) => state.status === 'failed') || station.rollouts?.some((rollout) => rollout.status === 'failed');
  if (one.end && isLast && one.end !== 'Succeeded') return ENDS[one.end]?.[0] ?? 'bad';
  if (failed) return one.end === 'Succeeded' ? 'wait' : 'bad';
  if (one.end || !isLast) return 'good';
  return station.gate ? 'wait' : 'run';
}

/** Consecutive visits of one state become one row; a rollout's rows stand under its state. */
function rowsOf(station) {
  const rows = [];
  for (const state of station.states) {
    const before = rows.at(-1);
    if (before?.name === state.name && before.to) extend(before, state);
    else rows.push({ name: state.name, label: words(state.name), from: state.enteredAt, to: state.leftAt, status: state.status, visits: 1, inner: [] });
  }
  const outer = rows.filter((row) => row.name === 'RollOut' || row.name === 'RollBack');
  (station.rollouts ?? []).forEach((rollout, index) => {
    const at = outer[index] ?? outer.at(-1);
    if (!at) return;
    at.inner.push(...inner(rollout));
    // It returns an outcome and does not throw: the state itself succeeds either way.
    if (rollout.status === 'failed') at.status = 'failed';
  });
  return rows;
}

function inner(rollout) {
  const rows = [];
  for (const state of visible(rollout.states)) {
    const label = state.label ?? words(state.name);
    const before = rows.at(-1);
    if (before?.label === label) extend(before, state);
    else rows.push({ name: state.name, label, now: words(state.name), from: state.enteredAt, to: state.leftAt, status: state.status, visits: 1, inner: [] });
    rows.at(-1).now = words(state.name);
  }
  // Its steps end with a verdict, not with an error: the last one is the one that failed.
  if (rollout.status === 'failed' && rows.length) rows.at(-1).status = 'failed';
  return rows;
}

function extend(row, state) {
  row.to = state.leftAt;
  row.visits += 1;
  if (state.status !== 'succeeded') row.status = state.status;
  else if (row.status !== 'failed') row.status = 'succeeded';
}

function details(station) {
  return h('section', { key: station.id, class: `stage ${station.mood}` },
    h('h3', null, station.name),
    h('ul', null, station.rows.map((row, index) => line(row, index, station))));
}

function line(row, index, station) {
  const running = !row.to && row.status === 'running';
  const mood = row.status === 'failed' ? 'bad' : running ? (station.gate && row.name === 'AskApproval' ? 'wait' : 'run') : 'good';
  const detail = running && row.now && row.now !== row.label ? row.now : '';
  const step = [
    h('span', { class: `pip ${mood}`, title: mood === 'good' ? 'done' : mood === 'bad' ? 'failed' : 'now' }),
    h('span', { class: 'what', title: row.name }, row.label, detail && h('small', null, ` ${detail}`)),
    h('span', { class: 'when' }, running ? span(worldNow() - Date.parse(row.from)) : took(row.from, row.to)),
  ];
  const key = `${index} ${row.name}`;
  if (!row.inner.length) return h('li', { key, class: `step ${mood}` }, step);
  return h('li', { key },
    h('details', { open: mood !== 'good' },
      h('summary', { class: `step ${mood}` }, step),
      h('ul', null, row.inner.map((one, at) => line(one, at, station)))));
}

function words(name) {
  return WORDS[name] ?? name.replace(/([a-z])([A-Z])/g, (_, before, after) => `${before} ${after.toLowerCase()}`);
}

/** `preproduction` as people write it. */
export function title(stage) {
  const known = { preproduction: 'Pre-production', production: 'Production' };
  return known[stage] ?? stage.charAt(0).toUpperCase() + stage.slice(1);
}
