//! A vendor that remembers what it was told, and by how many at once.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;

use crate::ports::{Bulletin, Vendor, VendorError, VendorName};

/// A vendor.
pub(crate) struct FakeVendor {
    name: VendorName,
    told: Mutex<Vec<String>>,
    failures: Mutex<VecDeque<VendorError>>,
    lost: AtomicUsize,
    at_once: AtomicUsize,
    most_at_once: AtomicUsize,
    asked: AtomicUsize,
}

impl FakeVendor {
    pub(crate) fn new(name: VendorName) -> Self {
        Self {
            name,
            told: Mutex::default(),
            failures: Mutex::default(),
            lost: AtomicUsize::new(0),
            at_once: AtomicUsize::new(0),
            most_at_once: AtomicUsize::new(0),
            asked: AtomicUsize::new(0),
        }
    }

    /// The next call fails like this, without effect.
    pub(crate) fn fail(&self, error: VendorError) {
        self.failures.lock().unwrap().push_back(error);
    }

    /// The next call has its effect, and nobody hears of it.
    pub(crate) fn lose_answer(&self) {
        self.lost.fetch_add(1, Ordering::Relaxed);
    }

    /// What it shows, in the order it came: release, place in the log, how its stages stand; and whether it may be a
    /// repetition, with the definite refusals before it.
    pub(crate) fn told(&self) -> Vec<String> {
        self.told.lock().unwrap().clone()
    }

    /// How often it was called.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    /// The most calls it ever had to deal with at the same time.
    pub(crate) fn most_at_once(&self) -> usize {
        self.most_at_once.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl Vendor for FakeVendor {
    fn name(&self) -> VendorName {
        self.name
    }

    async fn tell(&self, bulletin: &Bulletin<'_>) -> Result<(), VendorError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let at_once = self.at_once.fetch_add(1, Ordering::Relaxed) + 1;
        self.most_at_once.fetch_max(at_once, Ordering::Relaxed);
        for _ in 0..5 {
            tokio::task::yield_now().await;
        }
        self.at_once.fetch_sub(1, Ordering::Relaxed);
        if let Some(error) = self.failures.lock().unwrap().pop_front() {
            return Err(error);
        }
        let stages: Vec<String> = bulletin
            .now
            .stages
            .iter()
            .filter_map(|course| Some(format!("{} {:?}", course.stage, course.standing?)))
            .collect();
        let end = bulletin.now.end.map_or_else(String::new, |(end, _)| format!(", ended {end}"));
        let again =
            if bulletin.again { format!(" (again, {} refusals)", bulletin.refusals) } else { String::new() };
        let line = format!("{} {}: {}{end}{again}", bulletin.release, bulletin.seq, stages.join(", "));
        self.told.lock().unwrap().push(line);
        if self.lost.load(Ordering::Relaxed) > 0 {
            self.lost.fetch_sub(1, Ordering::Relaxed);
            return Err(VendorError::Unavailable { call: "tell", source: "the answer was lost".into() });
        }
        Ok(())
    }
}
