//! Slack's Web API: the methods Gantry calls, with Slack's checks, in Slack's words.
//!
//! Synchronous and free of HTTP: arguments in, an answer or a refusal out. `routes` puts it on the wire.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::limits::{self, Surface};
use super::model::SlackConfig;
use super::state::{Now, State, bot_id, on_the_wire, view_on_the_wire};

/// A posted text longer than this is cut.
const POST_TEXT: usize = 40_000;
/// A text longer than this is refused when a message is changed.
const UPDATE_TEXT: usize = 4_000;

/// Something Slack does wrong, for a test or a demonstration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// An HTTP status without a useful body.
    Status(u16),
    /// HTTP 429 with this `Retry-After`.
    RateLimited(u64),
    /// HTTP 200 with `ok: false` and this error.
    Error(String),
    /// The call takes effect, but its answer is an HTTP 504.
    AnswerLost,
    /// The call does not take effect, and nothing ever answers.
    Silence,
    /// The call takes effect, and its answer comes so much later, in real time.
    Late(Duration),
}

/// Why a call was not carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// HTTP 200, `ok: false`.
    Error { code: String, messages: Vec<String> },
    /// HTTP 429.
    RateLimited(u64),
    /// Some other HTTP status.
    Status(u16),
}

impl Refusal {
    pub(super) fn code(code: &str) -> Self {
        Self::Error { code: code.to_owned(), messages: Vec::new() }
    }

    fn because(code: &str, messages: Vec<String>) -> Self {
        Self::Error { code: code.to_owned(), messages }
    }

    fn missing(field: &str) -> Self {
        Self::because("invalid_arguments", vec![format!("[ERROR] missing required field: {field}")])
    }
}

/// Carries out one call whose token was found good.
pub(super) fn call(
    state: &mut State,
    config: &SlackConfig,
    now: Now,
    method: &str,
    arguments: &Map<String, Value>,
) -> Result<Value, Refusal> {
    match method {
        "auth.test" => Ok(auth_test(config)),
        "chat.postMessage" => post_message(state, config, now, arguments),
        "chat.update" => update(state, config, now, arguments),
        "chat.postEphemeral" => post_ephemeral(state, config, now, arguments),
        "views.open" => views_open(state, config, now, arguments),
        _ => Err(Refusal::code("unknown_method")),
    }
}

fn auth_test(config: &SlackConfig) -> Value {
    json!({
        "ok": true,
        "url": format!("https://{}.slack.com/", config.team_domain),
        "team": config.team_domain,
        "user": config.app_name.to_lowercase(),
        "team_id": config.team_id,
        "user_id": config.bot_user_id,
        "bot_id": bot_id(config),
        "is_enterprise_install": false,
    })
}

fn post_message(
    state: &mut State,
    config: &SlackConfig,
    now: Now,
    arguments: &Map<String, Value>,
) -> Result<Value, Refusal> {
    channel(config, arguments, true)?;
    let content = Content::read(arguments)?;
    let thread = thread(state, arguments)?;
    content.needs_something()?;
    state.bucket.take(now.real).map_err(Refusal::RateLimited)?;
    let text: String = content.text.unwrap_or_default().chars().take(POST_TEXT).collect();
    let blocks = content.blocks.unwrap_or_else(|| json!([]));
    let message = state.post(now, &config.bot_user_id, text, blocks, thread);
    let wire = on_the_wire(config, &message);
    Ok(json!({"ok": true, "channel": config.channel_id, "ts": message.ts, "message": wire}))
}

fn update(
    state: &mut State,
    config: &SlackConfig,
    now: Now,
    arguments: &Map<String, Value>,
) -> Result<Value, Refusal> {
    channel(config, arguments, false)?;
    let ts = string(arguments, "ts")?.ok_or_else(|| Refusal::missing("ts"))?;
    let content = Content::read(arguments)?;
    content.needs_something()?;
    if content.text.as_ref().is_some_and(|text| text.chars().count() > UPDATE_TEXT) {
        return Err(Refusal::code("msg_too_long"));
    }
    // A text without blocks takes the old blocks away: this is how buttons disappear by mistake.
    let blocks = if content.text.is_some() {
        Some(content.blocks.unwrap_or_else(|| json!([])))
    } else {
        content.blocks
    };
    let message =
        state.edit(now, &ts, content.text, blocks).ok_or_else(|| Refusal::code("message_not_found"))?;
    let wire = on_the_wire(config, &message);
    Ok(
        json!({"ok": true, "channel": config.channel_id, "ts": message.ts, "text": message.text, "message": wire}),
    )
}

fn post_ephemeral(
    state: &mut State,
    config: &SlackConfig,
    now: Now,
    arguments: &Map<String, Value>,
) -> Result<Value, Refusal> {
    channel(config, arguments, true)?;
    let user = string(arguments, "user")?.ok_or_else(|| Refusal::missing("user"))?;
    if !config.users.iter().any(|known| known.id == user) {
        return Err(Refusal::code("user_not_in_channel"));
    }
    let content = Content::read(arguments)?;
    let thread = thread(state, arguments)?;
    content.needs_something()?;
    let blocks = content.blocks.unwrap_or_else(|| json!([]));
    let note = state.whisper(now, &user, content.text.unwrap_or_default(), blocks, thread);
    Ok(json!({"ok": true, "message_ts": note.ts}))
}

fn views_open(
    state: &mut State,
    config: &SlackConfig,
    now: Now,
    arguments: &Map<String, Value>,
) -> Result<Value, Refusal> {
    let trigger = string(arguments, "trigger_id")?.ok_or_else(|| Refusal::missing("trigger_id"))?;
    let view = structure(arguments, "view", "invalid_arguments")?.ok_or_else(|| Refusal::missing("view"))?;
    check_view(&view)?;
    let user = state.exchange(now, &trigger)?;
    let modal = state.open(now, &user, &view);
    Ok(json!({"ok": true, "view": view_on_the_wire(config, &modal, json!({}))}))
}

/// A view that `views.open` or a `response_action` may show.
pub(super) fn check_view(view: &Value) -> Result<(), Refusal> {
    if limits::view_too_large(view) {
        return Err(Refusal::code("view_too_large"));
    }
    limits::check_view(view).map_err(|messages| Refusal::because("invalid_arguments", messages))
}

/// What a response URL was asked to do.
pub(super) fn respond(
    state: &mut State,
    config: &SlackConfig,
    now: Now,
    id: &str,
    arguments: &Map<String, Value>,
) -> Result<(), Refusal> {
    let (user, ts) = state.use_response_url(now, id)?;
    let flag = |name: &str| arguments.get(name).is_some_and(|value| *value == true || *value == "true");
    let note = state.ephemerals.iter().position(|note| note.ts == ts);
    if flag("delete_original") {
        state.messages.retain(|message| message.ts != ts);
        state.ephemerals.retain(|note| note.ts != ts);
        return Ok(());
    }
    let content = Content::read(arguments)?;
    content.needs_something()?;
    let blocks = content.blocks.unwrap_or_else(|| json!([]));
    let text = content.text.unwrap_or_default();
    match (flag("replace_original"), note) {
        (true, Some(index)) => {
            let blocks = state.with_ids(blocks);
            let note = &mut state.ephemerals[index];
            (note.text, note.blocks, note.seen) = (text, blocks, false);
        }
        (true, None) => {
            state
                .edit(now, &ts, Some(text), Some(blocks))
                .ok_or_else(|| Refusal::code("message_not_found"))?;
        }
        (false, _) if arguments.get("response_type").is_some_and(|kind| kind == "in_channel") => {
            let thread = thread(state, arguments)?;
            state.post(now, &config.bot_user_id, text, blocks, thread);
        }
        (false, _) => {
            let thread = thread(state, arguments)?;
            state.whisper(now, &user, text, blocks, thread);
        }
    }
    Ok(())
}

/// What a message says, checked.
struct Content {
    text: Option<String>,
    blocks: Option<Value>,
}

impl Content {
    fn read(arguments: &Map<String, Value>) -> Result<Self, Refusal> {
        let text = string(arguments, "text")?;
        let blocks = structure(arguments, "blocks", "invalid_blocks_format")?;
        if let Some(blocks) = &blocks {
            if !blocks.is_array() {
                return Err(Refusal::code("invalid_blocks_format"));
            }
            limits::check_blocks(blocks, Surface::Message, "/blocks")
                .map_err(|messages| Refusal::because("invalid_blocks", messages))?;
            if limits::blocks_too_long(blocks) {
                return Err(Refusal::code("msg_blocks_too_long"));
            }
        }
        Ok(Self { text, blocks })
    }

    fn needs_something(&self) -> Result<(), Refusal> {
        let text = self.text.as_ref().is_some_and(|text| !text.is_empty());
        let blocks = self.blocks.as_ref().and_then(Value::as_array).is_some_and(|blocks| !blocks.is_empty());
        if text || blocks { Ok(()) } else { Err(Refusal::code("no_text")) }
    }
}

fn channel(config: &SlackConfig, arguments: &Map<String, Value>, by_name: bool) -> Result<(), Refusal> {
    let channel = string(arguments, "channel")?.ok_or_else(|| Refusal::missing("channel"))?;
    let named = by_name && channel.strip_prefix('#').unwrap_or(&channel) == config.channel_name;
    if channel == config.channel_id || named { Ok(()) } else { Err(Refusal::code("channel_not_found")) }
}

fn thread(state: &State, arguments: &Map<String, Value>) -> Result<Option<String>, Refusal> {
    let Some(ts) = string(arguments, "thread_ts")? else { return Ok(None) };
    let parent = state.message(&ts).ok_or_else(|| Refusal::code("thread_not_found"))?;
    Ok(Some(parent.thread_ts.clone().unwrap_or(ts)))
}

fn string(arguments: &Map<String, Value>, name: &str) -> Result<Option<String>, Refusal> {
    match arguments.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => {
            let message = format!("[ERROR] must be a string [json-pointer:/{name}]");
            Err(Refusal::because("invalid_arguments", vec![message]))
        }
    }
}

/// A structured argument: JSON itself, or JSON in a string, which is how forms carry it.
fn structure(arguments: &Map<String, Value>, name: &str, wrong: &str) -> Result<Option<Value>, Refusal> {
    match arguments.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => serde_json::from_str(text).map(Some).map_err(|_| Refusal::code(wrong)),
        Some(value) => Ok(Some(value.clone())),
    }
}
