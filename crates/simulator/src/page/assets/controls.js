// What a person can do to the world: push images, break vendors, stop a release. Each says in a sentence what comes of it.

import { h } from './dom.js';
import { post } from './post.js';
import { title } from './road.js';

const VENDORS = [['slack', 'Slack'], ['github', 'GitHub'], ['monday', 'Monday']];
/** A phone shows the road first. */
const OPEN = !window.matchMedia('(max-width: 560px)').matches;
const busy = new Set();
/** What came of the last press: a sentence, and whether it is a complaint. */
let said = {};
let redraw = () => {};

/** The strip of buttons; nothing where nobody would do what they ask for. */
export function controlsPanel(world, again) {
  redraw = again;
  if (!world.controls) return [];
  const down = VENDORS.filter(([id]) => world[id]?.down).map(([, name]) => name);
  const { words, bad } = said;
  return h('details', { key: 'controls', class: 'panel controls', open: OPEN },
    h('summary', null, h('h2', null, 'Try it'), h('span', { class: 'quiet' }, 'What you press here really happens, in the world on this machine.')),
    h('div', { class: 'groups' }, pushes(world), vendors(world), stop(world)),
    h('p', { class: bad ? 'note problem' : 'note', role: 'status' }, words ?? 'A push brings a commit, its tests and its image. The rest goes by itself, until people are asked in Slack.'),
    down.length > 0 && h('p', { class: 'note problem', role: 'status' }, `${list(down)} ${down.length > 1 ? 'answer' : 'answers'} 503 to whatever Gantry tells ${down.length > 1 ? 'them' : 'it'}. Releases go on all the same; what was missed is told after mending.`));
}

function pushes(world) {
  const stages = (world.ecs?.clusters ?? []).map((cluster) => cluster.stage).filter(Boolean);
  return group('push', 'Push an image that',
    button('good', 'works', { push: {} }, 'good'),
    stages.map((stage) => button(`bad ${stage}`, `crashes in ${title(stage).toLowerCase()}`, { push: { crashesIn: stage } }, 'bad')));
}

function vendors(world) {
  return group('vendor', 'Break', VENDORS.filter(([id]) => world[id]).map(([id, name]) => toggle(id, name, world)));
}

function toggle(id, name, world) {
  const { down } = world[id];
  const key = `vendor ${id}`;
  return h('button', {
    key, type: 'button', class: `act ${down ? 'down' : ''}`, 'aria-disabled': busy.has(key) ? 'true' : null,
    'aria-label': `${down ? 'Mend' : 'Break'} ${name}`, title: down ? 'It is down. Press to mend it.' : 'It answers. Press to break it.',
    onclick: () => act(key, async () => {
      const { error } = await post(`/page/vendors/${id}`, { down: !down });
      if (error) return { words: error, bad: true };
      return { words: down ? `${name} is back. What it missed arrives in a moment.` : undefined };
    }),
  }, h('span', { class: `pip ${down ? 'bad' : 'good'}`, 'aria-hidden': 'true' }), down ? `Mend ${name}` : name);
}

function stop(world) {
  const release = world.releases?.find((one) => !one.end);
  const name = release?.commit?.slice(0, 7) ?? 'it';
  return group('stop', 'Stop', button('stop', release ? `the execution of ${name}` : 'the execution', release && { stop: { release: release.id } }, 'stop'));
}

function group(id, name, ...buttons) {
  return h('div', { key: id, class: 'group', role: 'group', 'aria-labelledby': `try-${id}` }, h('h3', { id: `try-${id}` }, name), buttons);
}

/** A button that asks for something in the world; without anything to ask for it does nothing. */
function button(key, label, wanted, look) {
  return h('button', {
    key, type: 'button', class: `act ${look}`, 'aria-disabled': busy.has(key) || !wanted ? 'true' : null,
    onclick: () => wanted && act(key, async () => {
      const { error, said: words } = await post('/page/world', wanted);
      return error ? { words: error, bad: true } : { words };
    }),
  }, label);
}

/** Buttons stay focusable meanwhile; a second press before the answer is no press. */
async function act(key, deed) {
  if (busy.has(key)) return;
  busy.add(key);
  redraw();
  try {
    said = await deed();
  } finally {
    busy.delete(key);
    redraw();
  }
}

function list(names) {
  return names.length > 1 ? `${names.slice(0, -1).join(', ')} and ${names.at(-1)}` : names[0];
}
