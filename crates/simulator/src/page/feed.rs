//! The stream of documents: one at once, then one after each change, never faster than the eye.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use futures::Stream;
use futures::stream::unfold;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::sources::Sources;

/// Shortest time between two documents.
const EVERY: Duration = Duration::from_millis(200);

struct Feed {
    sources: Arc<Sources>,
    changes: [watch::Receiver<u64>; 4],
    last: Option<Instant>,
}

/// Documents as Server-Sent Events.
pub(super) fn stream(sources: Arc<Sources>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let changes = [
        sources.views.changed(),
        sources.slack.subscribe(),
        sources.github.subscribe(),
        sources.monday.subscribe(),
    ];
    let feed = Feed { sources, changes, last: None };
    Sse::new(unfold(feed, next)).keep_alive(KeepAlive::default())
}

async fn next(mut feed: Feed) -> Option<(Result<Event, Infallible>, Feed)> {
    if let Some(last) = feed.last {
        let [views, slack, github, monday] = &mut feed.changes;
        let changed = tokio::select! {
            changed = views.changed() => changed,
            changed = slack.changed() => changed,
            changed = github.changed() => changed,
            changed = monday.changed() => changed,
        };
        changed.ok()?;
        sleep_until(last + EVERY).await;
    }
    // Before the snapshot is taken, so that a change during it is not lost.
    feed.changes.iter_mut().for_each(watch::Receiver::mark_unchanged);
    let event = Event::default().data(feed.sources.snapshot().to_string());
    feed.last = Some(Instant::now());
    Some((Ok(event), feed))
}
