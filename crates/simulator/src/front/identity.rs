//! Who is calling: access keys and the roles behind them.
//!
//! Three kinds of keys exist. MiniStack gives each function credentials derived from its ARN and its role's ARN, so
//! registering a function is enough to know them. `AssumeRole` issues sessions, which end. The harness has root keys.
//! Keys are only looked up here; whether the signature is theirs is `signature`'s question.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

/// Published versions of a function sign with credentials of their own; so many are known in advance.
const VERSIONS_KNOWN: u32 = 20;

/// The caller behind a verified signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// The harness: everything is allowed.
    Root {
        /// The account it acts in.
        account: String,
    },
    /// A role in use.
    Role(Session),
}

/// A role in use under a session name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// ARN of the role.
    pub role_arn: String,
    /// For functions the function's name, as on AWS.
    pub name: String,
}

impl Session {
    /// `arn:aws:sts::<account>:assumed-role/<role>/<session>`.
    pub fn assumed_role_arn(&self) -> String {
        let account = account_of(&self.role_arn);
        // An assumed-role ARN leaves the role's path out.
        let role = role_name_of(&self.role_arn);
        format!("arn:aws:sts::{account}:assumed-role/{role}/{}", self.name)
    }
}

impl Caller {
    /// What the journal writes: the role's ARN, or `root`.
    pub fn role(&self) -> &str {
        match self {
            Self::Root { .. } => "root",
            Self::Role(session) => &session.role_arn,
        }
    }

    /// The caller's own ARN, as `GetCallerIdentity` and refusals name it.
    pub fn arn(&self) -> String {
        match self {
            Self::Root { account } => format!("arn:aws:iam::{account}:root"),
            Self::Role(session) => session.assumed_role_arn(),
        }
    }

    /// The account the caller belongs to.
    pub fn account(&self) -> &str {
        match self {
            Self::Root { account } => account,
            Self::Role(session) => account_of(&session.role_arn),
        }
    }
}

/// A key pair with what it stands for.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// For example `ASIA…`.
    pub access_key_id: String,
    /// Signs requests.
    pub secret_access_key: String,
    /// Present for temporary credentials.
    pub session_token: Option<String>,
    /// When they end, in real time: signatures use real time too.
    pub expires_at: Option<Timestamp>,
    /// Whose they are.
    pub caller: Caller,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials")
            .field("access_key_id", &self.access_key_id)
            .field("caller", &self.caller)
            .finish_non_exhaustive()
    }
}

/// All keys that open the front door.
#[derive(Debug)]
pub struct Identities {
    account: String,
    keys: Mutex<BTreeMap<String, Credentials>>,
}

impl Identities {
    /// Knows the harness's keys: `test` and the account id, both with the secret `test`.
    pub fn new(account: impl Into<String>) -> Self {
        let account = account.into();
        let identities = Self { account: account.clone(), keys: Mutex::default() };
        for key in ["test", account.as_str()] {
            identities.add(Credentials {
                access_key_id: key.to_owned(),
                secret_access_key: "test".to_owned(),
                session_token: None,
                expires_at: None,
                caller: Caller::Root { account: account.clone() },
            });
        }
        identities
    }

    /// The account of the root keys.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// Makes the credentials known that MiniStack hands to this function, its `$LATEST` and its first versions.
    ///
    /// An alias has credentials of its own: register its qualified ARN as well.
    pub fn register_function(&self, function_arn: &str, role_arn: &str) {
        self.add(function_credentials(function_arn, role_arn));
        self.add(function_credentials(&format!("{function_arn}:$LATEST"), role_arn));
        for version in 1..=VERSIONS_KNOWN {
            self.add(function_credentials(&format!("{function_arn}:{version}"), role_arn));
        }
    }

    /// Issues temporary credentials for a role, with no question asked: STS asks before it calls this.
    pub fn issue(&self, session: Session, lifetime: Duration) -> Result<Credentials, getrandom::Error> {
        let mut seed = [0_u8; 32];
        getrandom::fill(&mut seed)?;
        let digest = hex::encode(seed);
        let mut credentials = derived(&digest, Caller::Role(session));
        credentials.expires_at = Timestamp::now().checked_add(lifetime).ok();
        self.add(credentials.clone());
        Ok(credentials)
    }

    /// The credentials behind an access key.
    pub fn find(&self, access_key_id: &str) -> Option<Credentials> {
        self.lock().get(access_key_id).cloned()
    }

    fn add(&self, credentials: Credentials) {
        self.lock().insert(credentials.access_key_id.clone(), credentials);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Credentials>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The credentials MiniStack derives for a function (`core/lambda_runtime.py`, `execution_credentials`).
pub fn function_credentials(function_arn: &str, role_arn: &str) -> Credentials {
    // arn:aws:lambda:<region>:<account>:function:<name>[:<version>]
    let name = function_arn.split(':').nth(6).unwrap_or("function");
    let name: String = name.chars().take(64).collect();
    let session = Session { role_arn: role_arn.to_owned(), name };
    derived(&sha256_hex(&format!("{function_arn}:{role_arn}")), Caller::Role(session))
}

fn derived(digest: &str, caller: Caller) -> Credentials {
    let key: String = digest.chars().take(16).collect();
    Credentials {
        access_key_id: format!("ASIA{}", key.to_uppercase()),
        secret_access_key: sha256_hex(&format!("secret:{digest}")),
        session_token: Some(sha256_hex(&format!("token:{digest}"))),
        expires_at: None,
        caller,
    }
}

/// The account field of an ARN.
pub(crate) fn account_of(arn: &str) -> &str {
    arn.split(':').nth(4).unwrap_or_default()
}

/// The name of a role, without its path.
pub(crate) fn role_name_of(role_arn: &str) -> &str {
    role_arn.rsplit('/').next().unwrap_or_default()
}

fn sha256_hex(text: &str) -> String {
    hex::encode(Sha256::digest(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FUNCTION: &str = "arn:aws:lambda:us-west-2:111122223333:function:watch-wave";
    const ROLE: &str = "arn:aws:iam::111122223333:role/watch-wave-role";

    #[test]
    fn a_functions_credentials_are_those_ministack_derives() {
        // Computed with the Python expressions of MiniStack's execution_credentials.
        let credentials = function_credentials(FUNCTION, ROLE);
        assert_eq!(credentials.access_key_id, "ASIAF148CB78A7C7DC8A");
        assert_eq!(
            credentials.secret_access_key,
            "6d9101fb504ced5ec71eba5b97621a8b101b8b620b484ecfe4d92a837f2c8b88"
        );
        assert_eq!(
            credentials.session_token.as_deref(),
            Some("d51ffdfc462723aeef5d721225668a1922e5e43b623ee1802d26bb4c5dfd042d")
        );
        assert_eq!(
            credentials.caller.arn(),
            "arn:aws:sts::111122223333:assumed-role/watch-wave-role/watch-wave"
        );
    }

    #[test]
    fn versions_sign_with_keys_of_their_own_for_the_same_role() {
        let identities = Identities::new("111122223333");
        identities.register_function(FUNCTION, ROLE);
        for qualifier in ["", ":$LATEST", ":1", ":20"] {
            let key = function_credentials(&format!("{FUNCTION}{qualifier}"), ROLE).access_key_id;
            assert_eq!(identities.find(&key).unwrap().caller.role(), ROLE, "{qualifier}");
        }
        let foreign = function_credentials(FUNCTION, "arn:aws:iam::111122223333:role/other");
        assert_eq!(identities.find(&foreign.access_key_id), None);
    }

    #[test]
    fn a_role_with_a_path_loses_it_in_the_session_arn() {
        let session = Session {
            role_arn: "arn:aws:iam::111122223333:role/gantry/deploy".to_owned(),
            name: "s".to_owned(),
        };
        assert_eq!(session.assumed_role_arn(), "arn:aws:sts::111122223333:assumed-role/deploy/s");
    }

    #[test]
    fn debug_output_shows_no_secret() {
        let credentials = function_credentials(FUNCTION, ROLE);
        let shown = format!("{credentials:?}");
        assert!(!shown.contains(&credentials.secret_access_key));
        assert!(!shown.contains(credentials.session_token.as_deref().unwrap()));
    }
}
