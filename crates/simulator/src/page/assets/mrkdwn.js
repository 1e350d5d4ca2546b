// Slack's mrkdwn as nodes. Everything becomes text nodes and a few known elements; links go to http(s) and mail only.

import { h } from './dom.js';
import { ago, clock } from './time.js';

const EMOJI = {
  white_check_mark: '✅', heavy_check_mark: '✔️', x: '❌', no_entry: '⛔', no_entry_sign: '🚫', octagonal_sign: '🛑',
  warning: '⚠️', rotating_light: '🚨', rocket: '🚀', tada: '🎉', package: '📦', ship: '🚢', anchor: '⚓',
  building_construction: '🏗️', construction: '🚧', hammer_and_wrench: '🛠️', gear: '⚙️', lock: '🔒', unlock: '🔓', key: '🔑',
  hourglass: '⌛', hourglass_flowing_sand: '⏳', stopwatch: '⏱️', alarm_clock: '⏰', bell: '🔔', no_bell: '🔕',
  mag: '🔍', eyes: '👀', memo: '📝', link: '🔗', bug: '🐛', fire: '🔥', zap: '⚡', bulb: '💡', wave: '👋', pray: '🙏',
  thumbsup: '👍', '+1': '👍', thumbsdown: '👎', '-1': '👎', ok_hand: '👌', raised_hand: '✋', clap: '👏',
  arrow_right: '➡️', arrow_left: '⬅️', arrow_up: '⬆️', arrow_down: '⬇️', leftwards_arrow_with_hook: '↩️', rewind: '⏪',
  repeat: '🔁', arrows_counterclockwise: '🔄', black_right_pointing_double_triangle_with_vertical_bar: '⏭️',
  next_track_button: '⏭️', pause_button: '⏸️', double_vertical_bar: '⏸️', arrow_forward: '▶️', information_source: 'ℹ️',
  question: '❓', exclamation: '❗', speech_balloon: '💬', large_green_circle: '🟢', green_circle: '🟢', red_circle: '🔴',
  large_yellow_circle: '🟡', yellow_circle: '🟡', large_blue_circle: '🔵', white_circle: '⚪', black_circle: '⚫',
  smile: '😄', slightly_smiling_face: '🙂', thinking_face: '🤔', disappointed: '😞', sparkles: '✨', star: '⭐',
};

const TOKEN = new RegExp([
  '```([\\s\\S]+?)```',                                       // 1 code block
  '`([^`\\n]+)`',                                             // 2 code
  '<([^<>\\n]+)>',                                            // 3 link, mention or date
  '(?<![\\w*])\\*(?=\\S)([^*\\n]+?)(?<=\\S)\\*(?![\\w*])',    // 4 bold
  '(?<![\\w_])_(?=\\S)([^_\\n]+?)(?<=\\S)_(?![\\w_])',        // 5 italics
  '(?<![\\w~])~(?=\\S)([^~\\n]+?)(?<=\\S)~(?![\\w~])',        // 6 struck
  ':([a-z0-9_+-]+):',                                         // 7 emoji
].join('|'), 'g');

/** Text with markup. `people` maps user ids to names, for mentions. */
export function mrkdwn(text, people) {
  const out = [];
  let quote = [];
  const endQuote = () => {
    if (quote.length) out.push(h('blockquote', null, lines(quote, people)));
    quote = [];
  };
  let plain = [];
  const endPlain = () => {
    if (plain.length) out.push(h('p', null, inline(plain.join('\n'), people)));
    plain = [];
  };
  for (const line of text.split('\n')) {
    const quoted = /^(?:&gt;|>) ?(.*)$/.exec(line);
    if (quoted) {
      endPlain();
      quote.push(quoted[1]);
    } else {
      endQuote();
      plain.push(line);
    }
  }
  endPlain();
  endQuote();
  return out;
}

/** Text without markup: only emoji and line breaks. */
export function plainText(text) {
  return withBreaks(emoji(text));
}

function lines(parts, people) {
  return inline(parts.join('\n'), people);
}

function inline(text, people) {
  const out = [];
  let from = 0;
  for (const match of text.matchAll(TOKEN)) {
    out.push(withBreaks(unescape(text.slice(from, match.index))));
    from = match.index + match[0].length;
    if (match[1] !== undefined && text[from] === '\n') from += 1;
    const [whole, block, code, angle, bold, italic, struck, name] = match;
    if (block !== undefined) out.push(h('pre', null, unescape(block.replace(/^\n/, ''))));
    else if (code !== undefined) out.push(h('code', null, unescape(code)));
    else if (angle !== undefined) out.push(angled(angle, people));
    else if (bold !== undefined) out.push(h('strong', null, inline(bold, people)));
    else if (italic !== undefined) out.push(h('em', null, inline(italic, people)));
    else if (struck !== undefined) out.push(h('s', null, inline(struck, people)));
    else out.push(EMOJI[name] ?? whole);
  }
  out.push(withBreaks(unescape(text.slice(from))));
  return out;
}

function angled(content, people) {
  const [target, label] = content.split(/\|(.*)/s);
  if (target.startsWith('@')) {
    const id = target.slice(1);
    return h('span', { class: 'mention' }, `@${people.get(id) ?? unescape(label ?? id)}`);
  }
  if (target.startsWith('#')) return h('span', { class: 'mention' }, `#${unescape(label ?? target.slice(1))}`);
  if (target.startsWith('!date^')) return date(target, label);
  if (target.startsWith('!')) return h('span', { class: 'mention all' }, `@${unescape(label ?? target.slice(1).split('^')[0])}`);
  const url = unescape(target);
  const shown = unescape(label ?? target);
  if (!/^(https?:\/\/|mailto:)/i.test(url)) return shown;
  return h('a', { href: url, target: '_blank', rel: 'noreferrer noopener' }, shown);
}

function date(target, fallback) {
  const [, stamp, format = ''] = target.split('^');
  const at = Number(stamp) * 1000;
  if (!Number.isFinite(at)) return unescape(fallback ?? '');
  const day = (options) => new Date(at).toLocaleDateString(undefined, options);
  const parts = {
    date_num: () => new Date(at).toISOString().slice(0, 10),
    date: () => day({ year: 'numeric', month: 'long', day: 'numeric' }),
    date_short: () => day({ year: 'numeric', month: 'short', day: 'numeric' }),
    date_long: () => day({ weekday: 'long', year: 'numeric', month: 'long', day: 'numeric' }),
    time: () => clock(at),
    time_secs: () => clock(at, true),
    ago: () => ago(at),
  };
  const shown = format.replace(/\{(\w+?)(_pretty)?\}/g, (whole, name) => parts[name]?.() ?? whole);
  return h('time', { datetime: new Date(at).toISOString(), title: unescape(fallback ?? '') }, unescape(shown));
}

function emoji(text) {
  return text.replace(/:([a-z0-9_+-]+):/g, (whole, name) => EMOJI[name] ?? whole);
}

function withBreaks(text) {
  return text.split('\n').flatMap((line, index) => (index ? [h('br'), line] : [line]));
}

function unescape(text) {
  return text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
}
