//! A stage that was put back: why, what every service runs now, and that it holds until when.

use gantry_domain::hold::HoldEnds;
use gantry_domain::names::{HoldId, ReleaseId, SlackId, StageName};
use gantry_domain::notice::{Came, RunningService};
use gantry_domain::release::Undoing;

use super::super::RESUME;
use super::super::blocks::{Block, Button, Confirm, Style, mrkdwn, plain, section};
use super::super::mrkdwn::{line, lines, list, person, plain as unmarked, row};
use super::{COMPONENTS, REASON, Rendered, version};

/// A rollback as it was recorded.
pub(super) struct PutBack<'a> {
    pub(super) release: &'a ReleaseId,
    pub(super) stage: &'a StageName,
    pub(super) hold: &'a HoldId,
    pub(super) until: HoldEnds,
    pub(super) resumers: &'a [SlackId],
    pub(super) reason: &'a str,
    pub(super) services: &'a [RunningService],
}

impl PutBack<'_> {
    /// The stage holds.
    pub(super) fn holds(&self) -> Rendered {
        let mut blocks = self.body();
        blocks.push(section(format!("*Next:* {}", self.next())));
        if self.until == HoldEnds::Resumed {
            blocks.push(Block::Actions { elements: vec![self.button()] });
        }
        Rendered { text: self.text(), blocks }
    }

    /// The hold is over: no button.
    pub(super) fn resumed(&self, by: &Resumed<'_>) -> Rendered {
        let mut blocks = self.body();
        blocks.push(section(by.words(self.stage)));
        Rendered { text: self.text(), blocks }
    }

    fn text(&self) -> String {
        let Self { release, stage, .. } = self;
        format!(
            "Release {release} was rolled back in {stage}, which holds now. {}",
            unmarked(self.reason, 200)
        )
    }

    fn body(&self) -> Vec<Block> {
        let Self { release, stage, .. } = self;
        let mut first = format!("⏪ *Release `{release}` was rolled back in {stage}*");
        if !self.reason.trim().is_empty() {
            first.push('\n');
            first.push_str(&lines(self.reason, REASON));
        }
        let items = self.services.iter().map(|service| {
            let runs = version(service.commit.as_ref(), service.digest.as_ref());
            let came = match service.came {
                Came::PutBack => "put back",
                Came::WasBack => "ran this already",
                Came::Untouched => "was not touched",
            };
            format!("• *{}* runs {runs} · {came}", service.service)
        });
        let runs = list(&format!("*What runs in {stage} now*"), items, COMPONENTS);
        vec![section(first), section(runs)]
    }

    fn next(&self) -> String {
        let stage = self.stage;
        match self.until {
            HoldEnds::NewerCommit => {
                format!(
                    "Push a repair. {stage} holds: it lets in a release of a newer commit, and nothing else."
                )
            }
            HoldEnds::Resumed => {
                let who: Vec<String> = self.resumers.iter().take(20).map(person).collect();
                let who = if who.is_empty() { "a person".to_owned() } else { who.join(" or ") };
                format!("Find out why. {stage} holds: no release goes in until {who} resumes it.")
            }
        }
    }

    fn button(&self) -> Button {
        let stage = self.stage;
        Button {
            text: plain("Resume"),
            action_id: RESUME,
            value: self.hold.to_string(),
            style: Style::Primary,
            confirm: Confirm {
                title: plain(format!("Resume {stage}?")),
                text: mrkdwn(format!("Releases go into *{stage}* again, those that wait in line first.")),
                confirm: plain("Resume"),
                deny: plain("Not yet"),
                style: Style::Primary,
            },
        }
    }
}

/// Who or what ended a hold.
pub(super) enum Resumed<'a> {
    Person(&'a SlackId),
    Operator(&'a str),
    Release(&'a ReleaseId),
    Nobody,
}

impl<'a> Resumed<'a> {
    pub(super) fn of(
        by: Option<&'a SlackId>,
        operator: Option<&'a str>,
        release: Option<&'a ReleaseId>,
    ) -> Self {
        match (by, operator, release) {
            (Some(by), _, _) => Self::Person(by),
            (None, Some(name), _) => Self::Operator(name),
            (None, None, Some(release)) => Self::Release(release),
            (None, None, None) => Self::Nobody,
        }
    }

    fn words(&self, stage: &StageName) -> String {
        match self {
            Self::Person(by) => format!("▶️ *{stage} is resumed* by {}: releases go in again.", person(by)),
            Self::Operator(name) => {
                format!("▶️ *{stage} is resumed* by {}: releases go in again.", line(name, 200))
            }
            Self::Release(release) => {
                format!("▶️ *{stage} is resumed*: release `{release}` of a newer commit came.")
            }
            Self::Nobody => format!("▶️ *{stage} is resumed*."),
        }
    }
}

/// A hold is over whose message could not be changed.
pub(super) fn resumed(stage: &StageName, by: &Resumed<'_>) -> Rendered {
    Rendered { text: format!("{stage} is resumed."), blocks: vec![section(by.words(stage))] }
}

/// A release waits for a stage that holds.
pub(super) fn held(release: &ReleaseId, stage: &StageName, after: &ReleaseId, until: HoldEnds) -> Rendered {
    let ends = match until {
        HoldEnds::NewerCommit => "It lets in a release of a newer commit.",
        HoldEnds::Resumed => "Somebody has to resume it; the message of the rollback has the button.",
    };
    let words = format!(
        "✋ *{stage} holds*\nRelease `{after}` was rolled back there. {ends} This release waits in line."
    );
    Rendered {
        text: format!("Release {release} waits: {stage} holds since {after} was rolled back."),
        blocks: vec![section(words)],
    }
}

/// A person asked for a rollback.
pub(super) fn asked(release: &ReleaseId, undoes: &Undoing) -> Rendered {
    let Undoing { stage, components, to } = undoes;
    let to = match to {
        Some(to) => format!("release `{to}`"),
        None => "what ran before Gantry came".to_owned(),
    };
    let what = row(components, 300);
    let first = format!(
        "⏪ *Rollback `{release}` has started*\nA person asked for it: {what} in *{stage}* to {to}. No migration runs."
    );
    Rendered { text: format!("Rollback {release} of {stage} has started."), blocks: vec![section(first)] }
}
