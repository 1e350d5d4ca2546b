//! Waiting for what nothing announces: a row in a table, a message in a queue, a line in a log.
//!
//! Where there is an event to wait for (Slack, executions, the journal), stories wait for that instead.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// How often something is looked at, in real time.
const LOOK: Duration = Duration::from_millis(25);
/// A net for what never comes, not a deadline of the product.
const PATIENCE: Duration = Duration::from_secs(60);

/// Looks again and again until there is something.
pub(crate) async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Result<Option<T>>) -> Result<T> {
    let begun = Instant::now();
    loop {
        if let Some(found) = look().await? {
            return Ok(found);
        }
        if begun.elapsed() > PATIENCE {
            bail!("waited {PATIENCE:?} in vain for {what}");
        }
        tokio::time::sleep(LOOK).await;
    }
}
