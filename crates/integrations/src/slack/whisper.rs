//! What one person is told after a click that had no effect: kindly, and with what to do.

use gantry_domain::approval::{Decision, Outcome};
use gantry_steps::ports::Whisper;

use super::mrkdwn::{lines, moment, person};

/// Words it, as markup.
pub(super) fn words(whisper: &Whisper) -> String {
    match whisper {
        Whisper::NotAllowed => {
            "Thank you, but this decision is not yours to make here, so nothing was changed. The \
            message names the people who may decide; they are set as `approvers` in `gantry.toml`."
                .to_owned()
        }
        Whisper::AlreadyDecided(decision) => decided(decision),
        Whisper::Expired => {
            "This question lapsed before anybody decided, so nothing was changed. To try again, start \
            a release of the commit from the console."
                .to_owned()
        }
        Whisper::Unknown => {
            "Gantry does not know this question (any more), so nothing was changed. Look for a newer \
            message further down in the channel."
                .to_owned()
        }
        Whisper::NoHold => {
            "The stage does not hold for this any more, so nothing was changed. Look for a newer message \
            further down in the channel."
                .to_owned()
        }
        Whisper::TryAgain => {
            "That did not work, and nothing was changed. Please try again in a moment.".to_owned()
        }
    }
}

fn decided(decision: &Decision) -> String {
    let by = decision.by.as_ref().map_or_else(|| "Gantry".to_owned(), person);
    let at = moment(decision.at);
    let reason =
        decision.reason.as_deref().map(|reason| lines(reason, 500)).filter(|reason| !reason.is_empty());
    let because = reason.map_or_else(String::new, |reason| format!("\n“{reason}”"));
    let what = match decision.outcome {
        Outcome::Approved => format!("{by} approved this already, on {at}."),
        Outcome::Rejected => format!("{by} rejected this already, on {at}.{because}"),
        Outcome::Expired => format!("This question lapsed on {at}."),
        Outcome::Superseded => format!("A newer release took this one's place on {at}.{because}"),
    };
    format!("{what}\nYour click changed nothing.")
}
