// The Slack channel: messages as Slack shows them, the person who acts, confirmations and modals.

import { h, patch } from './dom.js';
import { mrkdwn, plainText } from './mrkdwn.js';
import { post } from './post.js';
import { clock, ofStamp } from './time.js';

const busy = new Set();
let problem = null;
let acting = null;
let redraw = () => {};

/** The channel, as the acting person sees it. */
export function slackPanel(slack, again) {
  redraw = again;
  if (!slack) return [];
  acting = slack.users.some((user) => user.id === acting) ? acting : slack.users[0]?.id;
  const people = new Map([...slack.users.map((user) => [user.id, user.name]), [slack.app.user, slack.app.name]]);
  const context = { slack, people };
  const talk = conversations(slack);
  const newest = talk.findLast((one) => one.replies.length)?.row.ts;
  return [
    h('header', { class: 'channel-head' },
      h('h2', null, h('span', { class: 'hash' }, '#'), slack.channel.name),
      h('label', { class: 'acting' }, 'You are',
        h('select', { onchange: (event) => { acting = event.target.value; problem = null; redraw(); } },
          slack.users.map((user) => h('option', { key: user.id, value: user.id, selected: user.id === acting }, who(user)))))),
    h('div', { class: 'messages', role: 'log', 'aria-live': 'polite', tabindex: '0' },
      talk.length === 0 && h('p', { class: 'empty' }, 'Nothing has been said yet. Gantry speaks up when a release starts.'),
      talk.map((one) => conversation(one, newest, context))),
    h('p', { class: 'down', role: 'status' }, slack.down && 'Slack is down. Gantry goes on without it, and says here what happened once it is back.'),
    h('p', { class: 'problem', role: 'alert' }, problem),
  ];
}

function who(user) {
  return user.title ? `${user.name} · ${user.title}` : user.name;
}

/** Messages each with their thread, and what only the acting person sees, in the order of a channel. */
function conversations(slack) {
  const notes = slack.ephemerals.filter((note) => note.user === acting).map((note) => ({ ...note, ephemeral: true }));
  const all = [...slack.messages, ...notes].sort((a, b) => a.ts.localeCompare(b.ts));
  const roots = new Map();
  for (const row of all) {
    const root = roots.get(row.threadTs);
    if (root) root.replies.push(row);
    else roots.set(row.ts, { row, replies: [] });
  }
  return [...roots.values()];
}

/** The newest thread is open, as it is on the screen of whoever follows the release. */
function conversation({ row, replies }, newest, context) {
  if (!replies.length) return message(row, context);
  const last = clock(ofStamp(replies.at(-1).ts));
  return [
    message(row, context),
    h('details', { key: `thread ${row.ts}`, class: 'thread', open: row.ts === newest },
      h('summary', null, h('strong', null, replies.length === 1 ? '1 reply' : `${replies.length} replies`), h('small', null, `last at ${last}`)),
      replies.map((reply) => message(reply, context))),
  ];
}

function message(row, context) {
  const at = ofStamp(row.ts);
  const blocks = row.blocks?.length ? row.blocks : null;
  const classes = ['message', row.ephemeral && 'ephemeral'].filter(Boolean).join(' ');
  return h('article', { key: row.ts, class: classes },
    h('div', { class: 'avatar', 'aria-hidden': 'true' }, crane()),
    h('div', { class: 'said' },
      row.ephemeral && h('p', { class: 'only-you' }, '👁 Only visible to you'),
      h('p', { class: 'by' },
        h('strong', null, context.slack.app.name), h('span', { class: 'app' }, 'APP'),
        h('time', { datetime: new Date(at).toISOString() }, clock(at)),
        row.editedAt && h('span', { class: 'edited' }, '(edited)')),
      blocks ? blocks.map((part, index) => block(part, index, row, context)) : h('div', { class: 'section' }, mrkdwn(row.text, context.people))));
}

function block(part, index, row, context) {
  const key = part.block_id ?? index;
  switch (part.type) {
    case 'header':
      return h('h3', { key }, plainText(part.text.text));
    case 'divider':
      return h('hr', { key });
    case 'context':
      return h('div', { key, class: 'context' }, part.elements.map((element) => (element.type === 'image' ? picture(element) : text(element, context))));
    case 'actions':
      return h('div', { key, class: 'actions' }, part.elements.map((element) => button(element, row, context)));
    case 'image':
      return h('div', { key, class: 'section' }, picture(part));
    case 'input':
      return field(part, row);
    case 'section':
      return h('div', { key, class: part.accessory ? 'section with-accessory' : 'section' },
        h('div', null,
          part.text && text(part.text, context),
          part.fields && h('div', { class: 'fields' }, part.fields.map((one) => h('div', null, text(one, context))))),
        part.accessory && (part.accessory.type === 'button' ? button(part.accessory, row, context) : picture(part.accessory)));
    default:
      return h('p', { key, class: 'empty' }, `(a ${part.type} block)`);
  }
}

function text(element, context) {
  return element.type === 'mrkdwn' ? mrkdwn(element.text, context.people) : h('p', null, plainText(element.text));
}

function picture(element) {
  return h('span', { class: 'picture', title: element.image_url }, `🖼 ${element.alt_text}`);
}

function button(element, row, context) {
  const id = `${row.ts}/${element.action_id}`;
  return h('button', {
    key: element.action_id,
    type: 'button',
    class: `slack-button ${element.style ?? ''}`,
    'aria-disabled': busy.has(id) ? 'true' : null,
    onclick: () => busy.has(id) || press(element, row, id, context),
  }, plainText(element.text.text));
}

async function press(element, row, id, context) {
  if (element.confirm && !(await ask(element.confirm, context))) return;
  await during(id, () => send('/page/slack/click', { user: acting, ts: row.ts, actionId: element.action_id, confirmed: true }));
}

/** A confirmation dialog; resolves to what the person said. */
function ask(confirm, context) {
  const dialog = document.getElementById('confirm');
  patch(dialog, h('form', { method: 'dialog' },
    h('h3', { id: 'confirm-title' }, plainText(confirm.title.text)),
    h('div', { id: 'confirm-text', class: 'section' }, text(confirm.text, context)),
    h('div', { class: 'dialog-buttons' },
      h('button', { value: 'no', class: 'slack-button' }, plainText(confirm.deny.text)),
      h('button', { value: 'yes', class: `slack-button ${confirm.style ?? 'primary'}`, autofocus: true }, plainText(confirm.confirm.text)))));
  dialog.returnValue = 'no';
  dialog.showModal();
  return new Promise((done) => {
    dialog.onclose = () => done(dialog.returnValue === 'yes');
  });
}

/** Shows, updates or closes the modal in front of the acting person. */
export function slackModal(slack) {
  const dialog = document.getElementById('modal');
  const modal = slack?.modals.find((open) => open.user === acting);
  if (!modal) {
    if (dialog.open) dialog.close();
    return;
  }
  const context = { slack, people: new Map(slack.users.map((user) => [user.id, user.name])) };
  const { view } = modal;
  const id = `modal/${modal.id}`;
  const close = () => during(id, () => send('/page/slack/modal', { user: acting, viewId: modal.id, values: null }));
  dialog.oncancel = (event) => { event.preventDefault(); close(); };
  patch(dialog, h('form', { key: modal.id + (view.callback_id ?? ''), onsubmit: (event) => { event.preventDefault(); submit(event.target, modal, id); }, onkeydown: sendOnEnter },
    h('h3', { id: 'modal-title' }, crane(), plainText(view.title.text)),
    view.blocks.map((part, index) => block(part, index, { ts: modal.id, errors: modal.errors }, context)),
    h('p', { class: 'problem', role: 'alert' }, modal.errors[''] ?? problem),
    h('div', { class: 'dialog-buttons' },
      h('button', { type: 'button', class: 'slack-button', onclick: close }, plainText(view.close?.text ?? 'Cancel')),
      view.submit && h('button', { type: 'submit', class: 'slack-button primary', title: 'Ctrl + Enter', 'aria-disabled': busy.has(id) ? 'true' : null }, plainText(view.submit.text)))));
  if (!dialog.open) {
    dialog.showModal();
    dialog.querySelector('textarea, input')?.focus();
  }
}

/** Enter begins a new line in a longer field; with Ctrl or Cmd it sends, as in Slack. */
function sendOnEnter(event) {
  if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return;
  event.preventDefault();
  event.currentTarget.requestSubmit();
}

function field(part, row) {
  const { element } = part;
  const error = row.errors?.[part.block_id];
  const props = {
    name: element.action_id,
    required: !part.optional,
    minlength: element.min_length || null,
    maxlength: element.max_length ?? 3000,
    placeholder: element.placeholder?.text,
    'aria-invalid': error ? 'true' : null,
  };
  return h('label', { key: part.block_id, class: 'field' },
    h('span', null, plainText(part.label.text), part.optional && h('small', null, ' (optional)')),
    element.multiline ? h('textarea', { ...props, rows: 4 }) : h('input', { ...props, type: 'text' }),
    error && h('small', { class: 'problem' }, error),
    part.hint && h('small', null, plainText(part.hint.text)));
}

function submit(form, modal, id) {
  if (busy.has(id)) return undefined;
  const values = Object.fromEntries(new FormData(form));
  return during(id, () => send('/page/slack/modal', { user: acting, viewId: modal.id, values }));
}

async function during(id, act) {
  busy.add(id);
  problem = null;
  redraw();
  try {
    problem = await act();
  } finally {
    busy.delete(id);
    redraw();
  }
}

/** Sends what the person did. Returns what Slack would complain about, or null. */
async function send(url, body) {
  const { error, status } = await post(url, body);
  if (error) return error;
  return status === null || status === 200 ? null : `Gantry answered ${status}. Slack would show ⚠️ here.`;
}

/** Gantry's mark. */
export function crane() {
  return h('svg', { class: 'crane', viewBox: '0 0 24 24', 'aria-hidden': 'true' },
    h('path', { d: 'M4 21V5h16v16M1 5h22M12 5v4M2 21h4M18 21h4', fill: 'none', stroke: 'currentColor', 'stroke-width': '2' }),
    h('rect', { x: '8', y: '9', width: '8', height: '5', fill: 'currentColor' }));
}
