//! The events a registry sends, and the ways in which EventBridge mangles their delivery.
//!
//! One push of an index is several events: one per manifest, children with an empty tag (present, but empty), the index
//! with its tag, one more for each further tag, and the index once more without tag. They may come in any order, twice or never.

use serde_json::{Value, json};

use crate::aws::BusEvent;

/// How events are delivered. The default is in order, once, in the long shape.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Delivery {
    /// Mixes the events of one push; the same seed mixes the same way.
    pub shuffle_seed: Option<u64>,
    /// How many times more each event is delivered.
    pub duplicates: u32,
    /// Leaves the media types out, as AWS's documented sample does.
    pub omit_media_types: bool,
    /// Delivers tagged events only.
    pub omit_untagged: bool,
    /// Delivers nothing: best effort at its worst.
    pub lose_all: bool,
}

/// One thing that happened to one manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ImageAction {
    pub(super) action: &'static str,
    pub(super) digest: String,
    /// Empty for an untagged manifest.
    pub(super) tag: String,
    pub(super) media_type: String,
    pub(super) artifact_media_type: Option<String>,
}

impl Delivery {
    /// The events of one push, in the order in which they are delivered.
    pub(super) fn events(&self, repository: &str, actions: &[ImageAction]) -> Vec<BusEvent> {
        if self.lose_all {
            return Vec::new();
        }
        let mut events: Vec<BusEvent> = actions
            .iter()
            .filter(|action| !(self.omit_untagged && action.tag.is_empty()))
            .flat_map(|action| {
                let event = self.event(repository, action);
                std::iter::repeat_n(event, 1 + self.duplicates as usize)
            })
            .collect();
        if let Some(seed) = self.shuffle_seed {
            shuffle(&mut events, seed);
        }
        events
    }

    fn event(&self, repository: &str, action: &ImageAction) -> BusEvent {
        let mut detail = json!({
            "result": "SUCCESS",
            "repository-name": repository,
            "image-digest": action.digest,
            "action-type": action.action,
            "image-tag": action.tag,
        });
        if !self.omit_media_types {
            detail["manifest-media-type"] = Value::from(action.media_type.as_str());
            if let Some(artifact) = &action.artifact_media_type {
                detail["artifact-media-type"] = Value::from(artifact.as_str());
            }
        }
        BusEvent {
            source: "aws.ecr".to_owned(),
            detail_type: "ECR Image Action".to_owned(),
            resources: Vec::new(),
            detail,
        }
    }
}

/// Fisher and Yates, driven by `SplitMix64`.
fn shuffle<T>(items: &mut [T], seed: u64) {
    let mut state = seed;
    for end in (1..items.len()).rev() {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        let other = usize::try_from(mixed % (end as u64 + 1)).unwrap_or(end);
        items.swap(end, other);
    }
}
