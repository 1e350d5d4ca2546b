//! Uploads that have begun and not ended, as clients find them again by their id.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex as StdMutex, MutexGuard, PoisonError};

use tokio::sync::Mutex;

use super::blobs::Upload;

/// One upload; whoever writes to it holds it. `None` once it has ended.
pub(super) type Slot = Arc<Mutex<Option<Upload>>>;

/// All unfinished uploads of a registry.
#[derive(Debug, Default)]
pub(super) struct Uploads(StdMutex<Open>);

#[derive(Debug, Default)]
struct Open {
    sessions: BTreeMap<String, Session>,
    /// Counts what happens, to know what was touched last.
    turn: u64,
}

#[derive(Debug)]
struct Session {
    repository: String,
    touched: u64,
    slot: Slot,
}

impl Uploads {
    /// Keeps an upload under a new id. Beyond `limit`, the one that was touched longest ago is forgotten.
    pub(super) fn open(
        &self,
        repository: &str,
        upload: Upload,
        limit: usize,
    ) -> Result<String, getrandom::Error> {
        let mut id = [0_u8; 16];
        getrandom::fill(&mut id)?;
        let id = hex::encode(id);
        let mut open = self.lock();
        open.turn += 1;
        let slot = Arc::new(Mutex::new(Some(upload)));
        let session = Session { repository: repository.to_owned(), touched: open.turn, slot };
        open.sessions.insert(id.clone(), session);
        while open.sessions.len() > limit {
            let oldest = open.sessions.iter().min_by_key(|(_, session)| session.touched);
            let Some(oldest) = oldest.map(|(id, _)| id.clone()) else { break };
            open.sessions.remove(&oldest);
        }
        Ok(id)
    }

    /// An upload of this repository.
    pub(super) fn find(&self, repository: &str, id: &str) -> Option<Slot> {
        let mut open = self.lock();
        open.turn += 1;
        let turn = open.turn;
        let session = open.sessions.get_mut(id).filter(|session| session.repository == repository)?;
        session.touched = turn;
        Some(Arc::clone(&session.slot))
    }

    /// Forgets an upload.
    pub(super) fn close(&self, id: &str) {
        self.lock().sessions.remove(id);
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
