//! What `GetAuthorizationToken` gives out: passwords for the user `AWS`, each of which stands for whoever asked for it.
//!
//! Only their hashes are kept. They live in real time, as signatures do.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use super::store::digest_of;
use crate::front::Caller;

/// The user name that goes with every password.
pub(super) const USER: &str = "AWS";
/// How long a password opens the registry.
pub(super) const LIFETIME: Duration = Duration::from_secs(12 * 60 * 60);
/// With more, those that end soonest are forgotten.
const KEPT: usize = 1000;

/// A password that was just made.
pub(super) struct Issued {
    pub(super) password: String,
    pub(super) expires_at: Timestamp,
}

/// Why somebody is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotAdmitted {
    /// Nobody was given this user name and password.
    Unknown,
    /// They were good once.
    Expired,
}

/// All passwords of a registry.
#[derive(Debug, Default)]
pub(super) struct Tokens(Mutex<BTreeMap<String, Grant>>);

#[derive(Debug)]
struct Grant {
    caller: Caller,
    expires_at: Timestamp,
}

impl Tokens {
    /// A new password for this caller.
    pub(super) fn issue(
        &self,
        caller: &Caller,
        lifetime: Duration,
        now: Timestamp,
    ) -> Result<Issued, getrandom::Error> {
        let mut bytes = [0_u8; 48];
        getrandom::fill(&mut bytes)?;
        let password = hex::encode(bytes);
        let expires_at = now.checked_add(lifetime).unwrap_or(Timestamp::MAX);
        let mut grants = self.lock();
        grants.insert(digest_of(password.as_bytes()), Grant { caller: caller.clone(), expires_at });
        while grants.len() > KEPT {
            let soonest = grants.iter().min_by_key(|(_, grant)| grant.expires_at);
            let Some(soonest) = soonest.map(|(hash, _)| hash.clone()) else { break };
            grants.remove(&soonest);
        }
        Ok(Issued { password, expires_at })
    }

    /// Whom a user name and a password stand for.
    pub(super) fn admit(&self, user: &str, password: &str, now: Timestamp) -> Result<Caller, NotAdmitted> {
        let grants = self.lock();
        let known = grants.get(&digest_of(password.as_bytes())).filter(|_| user == USER);
        let grant = known.ok_or(NotAdmitted::Unknown)?;
        if grant.expires_at <= now { Err(NotAdmitted::Expired) } else { Ok(grant.caller.clone()) }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Grant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
