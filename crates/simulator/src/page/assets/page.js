// Draws the page from the one document the server streams, and again every second for the clocks.

import { controlsPanel } from './controls.js';
import { h, patch } from './dom.js';
import { ecsPanel } from './ecs.js';
import { roadPanel } from './road.js';
import { crane, slackModal, slackPanel } from './slack.js';
import { ago, clock, setClock, speed, worldNow } from './time.js';
import { mondayPanel, outage, shownBy } from './vendors.js';

const at = (id) => document.getElementById(id);
let world = null;
let live = false;

function draw() {
  patch(at('top'), top());
  if (!world) return;
  patch(at('controls'), controlsPanel(world, draw));
  patch(at('road'), roadPanel(named(world)));
  drawSlack();
  patch(at('ecs'), ecsPanel(world.ecs));
  patch(at('github'), githubPanel(world.github));
  patch(at('monday'), mondayPanel(world.monday));
  document.title = waiting() ? '● Gantry: your decision' : 'Gantry';
}

/** New messages scroll into view, unless somebody is reading further up. A pressed button that is gone leaves the focus near. */
function drawSlack() {
  const within = document.activeElement?.closest('#slack, dialog');
  const before = document.querySelector('.messages');
  const following = !before || before.scrollHeight - before.scrollTop - before.clientHeight < 80;
  const height = before?.scrollHeight;
  patch(at('slack'), slackPanel(world.slack, draw));
  slackModal(world.slack);
  const after = document.querySelector('.messages');
  if (after && following && after.scrollHeight !== height) after.scrollTop = after.scrollHeight;
  const { activeElement: active } = document;
  // A dialog that was closed a moment ago may still have the focus, though it is not shown any more.
  if (after && within && (active === document.body || !active.checkVisibility())) after.focus({ preventScroll: true });
}

/** Releases carry a commit; what it says stands in the push. */
function named({ releases, github }) {
  const commits = (github?.pushes ?? []).flatMap((push) => push.commits);
  return (releases ?? []).map((release) => {
    const commit = commits.find((one) => release.commit && one.sha.startsWith(release.commit));
    return { ...release, title: release.title ?? commit?.message.split('\n')[0], author: release.author ?? commit?.author };
  });
}

function waiting() {
  return world.releases?.some((release) => !release.end && release.states?.some((state) => state.name === 'AskApproval' && !state.leftAt));
}

function top() {
  const fast = speed() > 1 ? `1 second here is ${Math.round(speed())} there` : 'real time';
  return [
    h('h1', null, crane(), 'Gantry'),
    h('p', { class: 'clock', title: 'World time' }, world ? [h('time', null, clock(worldNow(), true)), h('small', null, fast)] : ''),
    h('p', { class: `link ${live ? 'on' : 'off'}`, role: 'status' }, live ? 'Live' : world ? 'The local world stopped. Reconnecting…' : 'Connecting…'),
  ];
}

function githubPanel(github) {
  if (!github?.pushes?.length) return [];
  return [
    h('h2', { key: 'head' }, 'GitHub', h('small', { class: 'quiet' }, github.fullName), outage(github, 'GitHub')),
    h('ul', { key: 'pushes', class: 'panel pushes' }, github.pushes.slice(0, 5).map((push) => pushed(push, github))),
  ];
}

function pushed(push, github) {
  const commit = push.commits.at(-1);
  const runs = github.workflowRuns.filter((run) => run.sha === push.after).reverse();
  const files = push.commits.flatMap((one) => [...one.added, ...one.modified, ...one.removed]);
  const roots = [...new Set(files.map((path) => path.split('/')[0]))];
  return h('li', { key: `${push.at} ${push.after}` },
    h('p', null, h('strong', null, commit?.message.split('\n')[0] ?? push.branch)),
    h('p', { class: 'quiet' }, h('code', null, push.after.slice(0, 7)), ` ${commit?.author ?? ''} to ${push.branch} · ${ago(push.at)}`),
    h('p', { class: 'chips' },
      roots.map((root) => h('span', { key: `r ${root}`, class: 'chip' }, root)),
      runs.map((run, index) => h('span', { key: `w ${index}`, class: `chip ${mood(run)}`, title: run.path }, `${{ good: '✓', bad: '✕', run: '…' }[mood(run)]} ${run.name}`))),
    shownBy(github, push.after));
}

function mood(run) {
  return run.conclusion === 'success' ? 'good' : run.conclusion ? 'bad' : 'run';
}

const stream = new EventSource('/page/events');
stream.onopen = () => { live = true; draw(); };
stream.onerror = () => { live = false; draw(); };
stream.onmessage = (event) => {
  world = JSON.parse(event.data);
  live = true;
  setClock(world.world);
  draw();
};
setInterval(draw, 1000);
draw();
