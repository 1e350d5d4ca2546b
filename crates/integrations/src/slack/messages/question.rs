//! The question before a stage: what changes, what was checked, two buttons; later who decided, when and why.

use gantry_domain::approval::{Decision, Outcome};
use gantry_domain::names::{ApprovalId, PlanHash, ReleaseId, SlackId, StageName, StepName};
use gantry_domain::notice::ComponentChange;
use gantry_domain::release::CommitSummary;
use jiff::Timestamp;

use super::super::blocks::{Block, Button, Confirm, Style, context, mrkdwn, plain, section};
use super::super::mrkdwn::{line, lines, link, list, moment, person, row};
use super::super::{APPROVE, REJECT};
use super::{COMPONENTS, REASON, Rendered, commit_list, origin_of, version};

/// A question as it was asked.
pub(super) struct Question<'a> {
    pub(super) release: &'a ReleaseId,
    pub(super) approval: &'a ApprovalId,
    pub(super) stage: &'a StageName,
    pub(super) plan: &'a PlanHash,
    pub(super) changes: &'a [ComponentChange],
    pub(super) commits: &'a [CommitSummary],
    pub(super) passed: &'a [StepName],
    pub(super) look_at: &'a [String],
    pub(super) approvers: &'a [SlackId],
    pub(super) expires_at: Timestamp,
}

impl Question<'_> {
    /// Nobody has decided.
    pub(super) fn open(&self) -> Rendered {
        let Self { release, stage, .. } = self;
        let title = format!("Approve for {stage}?");
        let first = format!("Release `{release}` waits for a decision before *{stage}*.");
        let mut blocks = self.body(&title, first);
        blocks.push(self.who_and_when());
        blocks.push(Block::Actions { elements: vec![self.approve(), self.reject()] });
        let moved: Vec<_> = self.changed().map(|change| &change.component).collect();
        let what = if moved.is_empty() { "nothing".to_owned() } else { row(moved, 150) };
        let text = format!("Approve release {release} for {stage}? It changes: {what}.");
        Rendered { text, blocks }
    }

    /// Somebody, or time, has decided: no buttons.
    pub(super) fn decided(&self, decision: &Decision) -> Rendered {
        let (title, words) = outcome(self.stage, decision);
        self.closed(&title, words)
    }

    /// The world moved on: no buttons.
    pub(super) fn voided(&self, moved: &[String]) -> Rendered {
        let (title, words) = moved_on(self.stage, moved);
        self.closed(&title, words)
    }

    fn closed(&self, title: &str, words: String) -> Rendered {
        let text = format!("Release {}: {title}.", self.release);
        Rendered { text, blocks: self.body(title, format!("{words}\nRelease `{}`", self.release)) }
    }

    fn body(&self, title: &str, first: String) -> Vec<Block> {
        let mut blocks = vec![Block::Header { text: plain(title) }, section(first)];
        let items = self.changes.iter().map(change_line);
        blocks.push(section(list(&format!("*What changes in {}*", self.stage), items, COMPONENTS)));
        blocks.extend(commit_list(self.commits).map(section));
        let mut checked = if self.passed.is_empty() {
            "*Checked before*\nNo checks are configured for the stage before.".to_owned()
        } else {
            format!("*Checked before*\n✅ {}", row(self.passed, 600))
        };
        if !self.look_at.is_empty() {
            let links: Vec<String> = self.look_at.iter().take(5).map(|address| link(address)).collect();
            checked.push_str(&format!("\nSee for yourself: {}", links.join(" · ")));
        }
        blocks.push(section(checked));
        blocks
    }

    fn changed(&self) -> impl Iterator<Item = &ComponentChange> {
        self.changes.iter().filter(|change| !change.services.is_empty())
    }

    fn who_and_when(&self) -> Block {
        let mut who: Vec<String> = self.approvers.iter().take(20).map(person).collect();
        if self.approvers.len() > who.len() {
            who.push(format!("{} more", self.approvers.len() - who.len()));
        }
        let who = if who.is_empty() {
            "Nobody may decide".to_owned()
        } else {
            format!("{} may decide", who.join(", "))
        };
        let plan = self.plan.as_str().get(..8).unwrap_or_default();
        context(format!("{who}, until {} · plan `{plan}`", moment(self.expires_at)))
    }

    fn approve(&self) -> Button {
        let Self { release, stage, .. } = self;
        let services: usize = self.changes.iter().map(|change| change.services.len()).sum();
        let migrates =
            if self.changed().any(|change| change.migration) { " A migration runs first." } else { "" };
        let what = if services == 1 {
            "1 service changes".to_owned()
        } else {
            format!("{services} services change")
        };
        Button {
            text: plain("Approve"),
            action_id: APPROVE,
            value: self.approval.to_string(),
            style: Style::Primary,
            confirm: Confirm {
                title: plain(format!("Deploy to {stage}?")),
                text: mrkdwn(format!("`{release}` goes to *{stage}* at once: {what}.{migrates}")),
                confirm: plain("Approve"),
                deny: plain("Not yet"),
                style: Style::Primary,
            },
        }
    }

    fn reject(&self) -> Button {
        let Self { release, stage, .. } = self;
        Button {
            text: plain("Reject…"),
            action_id: REJECT,
            value: self.approval.to_string(),
            style: Style::Danger,
            confirm: Confirm {
                title: plain("Reject this release?"),
                text: mrkdwn(format!(
                    "`{release}` will not go to *{stage}*. You are asked for a reason next."
                )),
                confirm: plain("Give a reason"),
                deny: plain("Not yet"),
                style: Style::Danger,
            },
        }
    }
}

/// A decision whose question could not be posted.
pub(super) fn decision(release: &ReleaseId, stage: &StageName, decision: &Decision) -> Rendered {
    let (title, words) = outcome(stage, decision);
    Rendered {
        text: format!("Release {release}: {title}."),
        blocks: vec![section(format!("*{title}*\n{words}"))],
    }
}

/// A voided approval whose question could not be posted.
pub(super) fn void(release: &ReleaseId, stage: &StageName, moved: &[String]) -> Rendered {
    let (title, words) = moved_on(stage, moved);
    Rendered {
        text: format!("Release {release}: {title}."),
        blocks: vec![section(format!("*{title}*\n{words}"))],
    }
}

fn outcome(stage: &StageName, decision: &Decision) -> (String, String) {
    let at = moment(decision.at);
    let by = decision.by.as_ref().map_or_else(|| "Gantry".to_owned(), person);
    let reason =
        decision.reason.as_deref().map(|reason| lines(reason, REASON)).filter(|reason| !reason.is_empty());
    match decision.outcome {
        Outcome::Approved => {
            let because = reason.map_or_else(String::new, |reason| format!("\n“{reason}”"));
            (format!("Approved for {stage}"), format!("✅ {by} approved it on {at}.{because}"))
        }
        Outcome::Rejected => {
            let because =
                reason.map_or_else(|| " No reason was given.".to_owned(), |reason| format!("\n“{reason}”"));
            (format!("Rejected for {stage}"), format!("⛔ {by} rejected it on {at}.{because}"))
        }
        Outcome::Expired => (
            format!("Not decided in time for {stage}"),
            format!(
                "⌛ Nobody had decided by {at}, so the question lapsed. Nothing was changed. To try again, start a \
                 release of the commit from the console."
            ),
        ),
        Outcome::Superseded => {
            let by = reason.unwrap_or_else(|| "A newer release asks for the same stage".to_owned());
            let by = by.trim_end_matches('.');
            (
                format!("Superseded before {stage}"),
                format!(
                    "⏭️ Closed on {at}: {by}.\nNothing is lost: the newer release holds this one's changes too."
                ),
            )
        }
    }
}

fn moved_on(stage: &StageName, moved: &[String]) -> (String, String) {
    let items = moved.iter().map(|sentence| format!("• {}", line(sentence, 300)));
    let words = list(
        "🔁 What runs there changed between the decision and the start, so the approval no longer counts. A new \
         question follows.",
        items,
        2_000,
    );
    (format!("To be asked again for {stage}"), words)
}

fn change_line(change: &ComponentChange) -> String {
    let to = version(change.to_commit.as_ref(), Some(&change.to_digest));
    let component = &change.component;
    let mut words = if change.services.is_empty() {
        format!("• *{component}* stays at {to}")
    } else {
        let from = version(change.from_commit.as_ref(), change.from_digest.as_ref());
        let mut words = format!("• *{component}* {from} → {to} · {}", row(&change.services, 300));
        if change.migration {
            words.push_str(" · *runs a migration*");
        }
        words
    };
    if let Some(why) = origin_of(&change.source) {
        words.push_str(&format!("\n   _{why}_"));
    }
    words
}
