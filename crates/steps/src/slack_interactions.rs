//! Somebody clicked a button or sent a form in Slack: decides an approval, opens the form for a reason, or resumes a
//! stage that holds.
//!
//! Who calls it has verified the signature and parsed the body. Whether the person may is looked at here, in one place,
//! before anything else is: nothing but `Admitted` reaches the part that decides (T3, T4). Whoever is turned away
//! is told, and whoever comes late is told what was decided.

use gantry_domain::approval::Choice;
use gantry_domain::names::{ApprovalId, SlackId};
use gantry_domain::pipeline::Pipeline;

use crate::decide::{Decide, Told};
use crate::ports::store::{Holds, Recorded, Resumer};
use crate::ports::{Chat, PortError, ReasonQuestion, Whisper};
use crate::resume::resume;

/// What somebody did in Slack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interaction {
    /// Who, and where.
    pub sender: Sender,
    /// What.
    pub act: Act,
    /// Where the person can be told something, for a short while. Forms have none.
    pub reply_to: Option<String>,
}

/// Who did something, and where, as the payload says: unchecked text, any of which may be missing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sender {
    /// The Slack app whose button or form it is.
    pub app: Option<String>,
    /// The workspace it happened in.
    pub team: Option<String>,
    /// The person.
    pub user: Option<String>,
    /// The workspace the person belongs to: another one for guests over Slack Connect.
    pub user_team: Option<String>,
    /// The channel. Forms have none.
    pub channel: Option<String>,
}

/// What can be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Clicked Approve.
    Approve {
        /// What the button names.
        approval: String,
    },
    /// Clicked Reject: a reason comes next.
    AskToReject {
        /// What the button names.
        approval: String,
        /// Opens one form, for 3 seconds.
        trigger: String,
    },
    /// Sent the form.
    Reject {
        /// What the form was opened for.
        approval: String,
        /// The reason as typed. Untrusted text.
        reason: String,
    },
    /// Clicked Resume.
    Resume {
        /// What the button names.
        hold: String,
    },
    /// Anything that nothing hangs on.
    Other,
}

/// What Slack is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SlackInteractionsOutput {
    /// Received.
    Received,
    /// The form stays open: it needs a reason.
    ReasonMissing,
    /// The form tells this instead.
    Note(Whisper),
    /// Turned away, and there was no way to tell the person.
    TurnedAway,
}

/// The ports of this step.
pub struct SlackInteractions<'a> {
    /// Whose clicks count.
    pub pipeline: &'a Pipeline,
    /// Decides.
    pub decide: Decide<'a>,
    /// Which stages hold.
    pub holds: &'a dyn Holds,
    /// Tells people.
    pub chat: &'a dyn Chat,
}

/// A person of the right workspace, in the right place, who may decide something. Only [`SlackInteractions::admit`]
/// makes one.
struct Admitted(SlackId);

impl SlackInteractions<'_> {
    /// Deals with one interaction. An error means that nothing was decided by it; the person is told to try again.
    pub async fn run(&self, interaction: &Interaction) -> Result<SlackInteractionsOutput, PortError> {
        if interaction.act == Act::Other {
            return Ok(SlackInteractionsOutput::Received);
        }
        let Some(person) = self.admit(interaction) else {
            let sender = &interaction.sender;
            tracing::warn!(user = sender.user, team = sender.team, "an interaction was turned away");
            return Ok(self.tell(interaction, Whisper::NotAllowed).await);
        };
        let done = match &interaction.act {
            Act::Approve { approval } => self.choose(&person, approval, Choice::Approve).await,
            Act::AskToReject { approval, trigger } => self.ask_reason(&person, approval, trigger).await,
            Act::Reject { reason, .. } if reason.trim().is_empty() => {
                return Ok(SlackInteractionsOutput::ReasonMissing);
            }
            Act::Reject { approval, reason } => {
                self.choose(&person, approval, Choice::Reject { reason: reason.clone() }).await
            }
            Act::Resume { hold } => self.resume(&person, hold).await,
            Act::Other => Ok(None),
        };
        match done {
            Ok(None) => Ok(SlackInteractionsOutput::Received),
            Ok(Some(whisper)) => Ok(self.tell(interaction, whisper).await),
            Err(error) => {
                self.tell(interaction, Whisper::TryAgain).await;
                Err(error)
            }
        }
    }

    /// Looks at every field that says who and where. A missing one is a wrong one. Forms name no channel: only our app
    /// can open one, after a click that named the channel.
    fn admit(&self, interaction: &Interaction) -> Option<Admitted> {
        let Sender { app, team, user, user_team, channel } = &interaction.sender;
        let slack = &self.pipeline.slack;
        let is = |given: &Option<String>, wanted: &SlackId| given.as_deref() == Some(wanted.as_str());
        let is_form = matches!(interaction.act, Act::Reject { .. });
        let in_place = is(channel, &slack.channel) || (is_form && channel.is_none());
        let is_ours = is(app, &slack.app) && is(team, &slack.team) && is(user_team, &slack.team);
        let user = SlackId::new(user.clone()?).ok()?;
        let mut gates = self.pipeline.stages.iter().filter_map(|stage| stage.approval.as_ref());
        let may_decide = gates.any(|gate| gate.approvers.contains(&user));
        (in_place && is_ours && may_decide).then_some(Admitted(user))
    }

    /// The approval a button or form names, if this person still is among those configured for its stage. Being among
    /// those who were asked is looked at when it is decided.
    async fn question(
        &self,
        person: &Admitted,
        id: &str,
    ) -> Result<Result<ReasonQuestion, Whisper>, PortError> {
        let Ok(id) = ApprovalId::new(id) else { return Ok(Err(Whisper::Unknown)) };
        let Some(stored) = self.decide.approvals.find(&id).await? else { return Ok(Err(Whisper::Unknown)) };
        let gate = self.pipeline.stage(&stored.approval.stage).and_then(|stage| stage.approval.as_ref());
        if !gate.is_some_and(|gate| gate.approvers.contains(&person.0)) {
            return Ok(Err(Whisper::NotAllowed));
        }
        let (release, stage) = (stored.approval.release, stored.approval.stage);
        Ok(Ok(ReasonQuestion { approval: id, release, stage }))
    }

    async fn choose(
        &self,
        person: &Admitted,
        id: &str,
        choice: Choice,
    ) -> Result<Option<Whisper>, PortError> {
        let question = match self.question(person, id).await? {
            Ok(question) => question,
            Err(whisper) => return Ok(Some(whisper)),
        };
        Ok(whisper(self.decide.click(&question.approval, &person.0, choice).await?))
    }

    /// Ends the hold a button names, if this person is among those configured for its stage. A hold that is over, or that
    /// another one has followed, is not found.
    async fn resume(&self, person: &Admitted, id: &str) -> Result<Option<Whisper>, PortError> {
        for stage in &self.pipeline.stages {
            let Some(hold) = self.holds.hold(&stage.name).await? else { continue };
            if hold.id.as_str() != id {
                continue;
            }
            if !stage.approval.as_ref().is_some_and(|gate| gate.approvers.contains(&person.0)) {
                return Ok(Some(Whisper::NotAllowed));
            }
            let by = Resumer::Person(person.0.clone());
            return Ok(match resume(self.holds, self.decide.clock, &hold, &by).await? {
                Recorded::Now => None,
                Recorded::Before => Some(Whisper::NoHold),
            });
        }
        Ok(Some(Whisper::NoHold))
    }

    async fn ask_reason(
        &self,
        person: &Admitted,
        id: &str,
        trigger: &str,
    ) -> Result<Option<Whisper>, PortError> {
        let question = match self.question(person, id).await? {
            Ok(question) => question,
            Err(whisper) => return Ok(Some(whisper)),
        };
        if let Err(told) = self.decide.admit(&question.approval, &person.0).await? {
            return Ok(whisper(told));
        }
        match self.chat.ask_reason(trigger, &question).await {
            Ok(()) => Ok(None),
            Err(error) => {
                tracing::warn!(%error, "the form for a reason could not be opened");
                Ok(Some(Whisper::TryAgain))
            }
        }
    }

    /// Tells the person: in the form if there is one, else under the message. That Slack cannot be reached changes
    /// nothing.
    async fn tell(&self, interaction: &Interaction, whisper: Whisper) -> SlackInteractionsOutput {
        if matches!(interaction.act, Act::Reject { .. }) {
            return SlackInteractionsOutput::Note(whisper);
        }
        let told = match &interaction.reply_to {
            Some(address) => self.chat.whisper(address, &whisper).await.map_err(|error| error.to_string()),
            None => Err("the interaction names no address to reply to".to_owned()),
        };
        match told {
            Ok(()) => SlackInteractionsOutput::Received,
            Err(error) => {
                tracing::warn!(error, ?whisper, "the person could not be told");
                if whisper == Whisper::NotAllowed {
                    SlackInteractionsOutput::TurnedAway
                } else {
                    SlackInteractionsOutput::Received
                }
            }
        }
    }
}

fn whisper(told: Told) -> Option<Whisper> {
    match told {
        Told::Decided(_) => None,
        Told::AlreadyDecided(decision) => Some(Whisper::AlreadyDecided(decision)),
        Told::Expired => Some(Whisper::Expired),
        Told::NotApprover => Some(Whisper::NotAllowed),
        Told::Unknown => Some(Whisper::Unknown),
    }
}

#[cfg(test)]
mod tests;
