// What no browser may see: the local world's secrets, and the task tokens that answer for a person.

import { readFileSync } from 'node:fs';

const world = readFileSync(new URL('../../crates/local/src/exchange.rs', import.meta.url), 'utf8');
const SECRETS = [...world.matchAll(/pub const \w+: &str = "([^"]{10,})"/g)].map(([, secret]) => secret);
if (SECRETS.length < 5) throw new Error('crates/local/src/exchange.rs has no secrets any more: where are they?');

/** The local Step Functions' task tokens are UUIDs; the only others that people may see are GitHub's deliveries. */
const TOKEN = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
const DELIVERY = /"(?:id|guid)":"[0-9a-f-]{36}"/g;

/** Everything in a text that should not be there. */
export function leaked(text) {
  const others = text.replace(DELIVERY, '');
  return [...SECRETS.filter((secret) => text.includes(secret)), ...(others.match(TOKEN) ?? []), ...(text.match(/taskToken|response_url|triggerId/g) ?? [])];
}
