// What runs: per environment its services, each with the tasks that leave and the tasks that come.

import { h } from './dom.js';
import { title } from './road.js';

const STARTING = new Set(['PROVISIONING', 'PENDING', 'ACTIVATING']);
/** How many one-off tasks that ended are shown, and how many crashed tasks per service. */
const RECENT = 4;
const FELL = 3;
const LEAVING = new Set(['DEACTIVATING', 'STOPPING', 'DEPROVISIONING', 'STOPPED']);

/** Both environments side by side. */
export function ecsPanel(ecs) {
  const clusters = ecs?.clusters ?? [];
  if (!clusters.length) return [];
  return [
    h('div', { key: 'head', class: 'ecs-head' },
      h('h2', null, 'What runs'),
      h('p', { class: 'legend quiet' },
        h('span', null, h('i', { class: 'task settled' }), 'running'), h('span', null, h('i', { class: 'task old' }), 'before'), h('span', null, h('i', { class: 'task new' }), 'new'),
        h('span', null, h('i', { class: 'task new starting' }), 'starting'), h('span', null, h('i', { class: 'task old leaving' }), 'stopping'),
        h('span', null, h('i', { class: 'task sick' }), 'crashed'))),
    h('div', { key: 'clusters', class: 'clusters' }, clusters.map(cluster)),
  ];
}

function cluster(one) {
  const services = one.services ?? [];
  const tasks = (one.tasks ?? []).filter((task, index, all) => task.status !== 'STOPPED' || index >= all.length - RECENT);
  return h('section', { key: one.name, class: 'panel cluster' },
    h('h3', null, one.stage ? title(one.stage) : one.name, one.stage && h('small', { class: 'quiet' }, one.name)),
    h('ul', null, services.map((service) => row(service))),
    tasks.length > 0 && h('ul', { class: 'one-off', 'aria-label': 'One-off tasks' }, tasks.map(oneOff)));
}

function row(service) {
  const deployments = service.deployments ?? [];
  const primary = deployments.find((one) => one.status === 'PRIMARY') ?? deployments[0];
  const changing = deployments.length > 1 || primary?.rolloutState === 'IN_PROGRESS';
  const failed = deployments.some((one) => one.rolloutState === 'FAILED');
  const tasks = service.tasks ?? [];
  const ours = (task) => !task.deployment || task.deployment === primary?.id;
  const there = (task) => task.status !== 'STOPPED';
  const lost = crashed(tasks, changing || failed);
  const [came, left] = [tasks.filter((task) => ours(task) && there(task)), tasks.filter((task) => !ours(task) && there(task))];
  const old = deployments.find((one) => one !== primary);
  const oldVersion = old?.version ?? left[0]?.version;
  const running = came.filter((task) => task.status === 'RUNNING').length;
  const said = `${running} of ${service.desired ?? primary?.desired ?? came.length} on ${primary?.version ?? 'unknown'}${left.length ? `, ${left.length} still on ${oldVersion ?? 'the version before'}` : ''}${lost.length ? `; ${lost[0].version} crashed` : ''}`;
  return h('li', { key: service.name, class: `service${changing ? ' changing' : ''}${failed ? ' failed' : ''}` },
    h('div', { class: 'service-name' }, h('strong', null, service.name), service.component && h('small', { class: 'quiet' }, service.component)),
    h('div', { class: 'swap', role: 'img', 'aria-label': said, title: primary?.reason ?? said },
      lost.length > 0 && h('span', { class: 'side' }, h('span', { class: 'tasks' }, lost.map((task) => h('i', { key: task.id, class: 'task sick', title: 'crashed' }))), version(lost[0].version, 'sick')),
      h('span', { class: 'side before' },
        left.length > 0 && [version(oldVersion === lost[0]?.version ? null : oldVersion, 'old'), tasksOf(left, 'old')]),
      h('span', { class: 'arrow', 'aria-hidden': 'true' }, left.length > 0 ? '→' : ''),
      h('span', { class: 'side' },
        tasksOf(came, changing ? 'new' : 'settled', service.desired), version(primary?.version, changing ? 'new' : 'settled'))));
}

/** The last tasks that crashed, as long as the deployment goes on or nothing newer has come: stopped tasks stay listed for a while. */
function crashed(tasks, goesOn) {
  const last = tasks.findLastIndex((task) => task.crashed);
  if (last < 0 || (!goesOn && tasks.slice(last + 1).some((task) => task.status !== 'STOPPED'))) return [];
  return tasks.filter((task) => task.crashed && task.version === tasks[last].version).slice(-FELL);
}

function version(name, side) {
  return name && h('code', { class: `version ${side}` }, name.slice(0, 10));
}

function tasksOf(tasks, side, desired = 0) {
  const missing = Math.max(0, desired - tasks.filter((task) => !LEAVING.has(task.status)).length);
  return h('span', { class: 'tasks' },
    tasks.map((task) => h('i', { key: task.id, class: `task ${dress(task, side)}` })),
    Array.from({ length: missing }, (_, index) => h('i', { key: `missing ${index}`, class: 'task missing' })));
}

function dress(task, side) {
  const look = task.health === 'UNHEALTHY' ? 'sick' : side;
  if (STARTING.has(task.status) || (task.status === 'RUNNING' && task.health === 'UNKNOWN')) return `${look} starting`;
  if (LEAVING.has(task.status)) return `${look} leaving`;
  return look;
}

function oneOff(task) {
  const ended = task.status === 'STOPPED';
  const bad = ended && task.exitCode !== 0;
  const mood = bad ? 'bad' : ended ? 'good' : 'run';
  const words = ended ? (bad ? `failed${task.exitCode === null || task.exitCode === undefined ? '' : `, exit ${task.exitCode}`}` : 'done') : task.status.toLowerCase();
  return h('li', { key: task.id, class: `step ${mood}` },
    h('span', { class: `pip ${mood}` }), h('span', { class: 'what' }, task.label ?? 'task'),
    h('span', { class: 'when' }, words));
}
