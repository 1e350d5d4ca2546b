//! How AWS words what goes wrong, in one place: reasons of stopped tasks, of placements that fail, of deployments that
//! end badly.
//!
//! Marked (own) where no answer of AWS was at hand; the rest follows its documents and what people have pasted from it.

use std::str::FromStr;

/// A task's essential container ended.
pub(crate) const CONTAINER_EXITED: &str = "Essential container in task exited";
/// A container was killed for its use of memory.
pub(crate) const OUT_OF_MEMORY: &str = "OutOfMemoryError: Container killed due to memory usage";
/// What the kernel's killer leaves as exit code.
pub(crate) const KILLED_EXIT: i64 = 137;
/// Container health checks gave up.
pub(crate) const CHECKS_FAILED: &str = "Task failed container health checks";

/// Why a deployment with rollback was given up by its circuit breaker.
pub(crate) const BREAKER_ROLLED_BACK: &str =
    "Service deployment rolled back because the circuit breaker threshold was exceeded.";
/// The same without rollback. (own)
pub(crate) const BREAKER_STOPPED: &str =
    "Service deployment stopped because the circuit breaker threshold was exceeded.";
/// Nothing to go back to.
pub(crate) const NO_CANDIDATE: &str = "No rollback candidate was found to run the rollback.";
/// The rollback's own tasks failed. (own)
pub(crate) const ROLLBACK_FAILED: &str =
    "Service deployment rollback failed because the circuit breaker threshold was exceeded.";
/// An alarm went off. (own)
pub(crate) const ALARM_ROLLED_BACK: &str =
    "Service deployment rolled back because of an alarm in the ALARM state.";
/// The same without rollback. (own)
pub(crate) const ALARM_STOPPED: &str = "Service deployment stopped because of an alarm in the ALARM state.";
/// Another deployment began. (own)
pub(crate) const REPLACED: &str = "Service deployment was stopped because a newer one started.";
/// Somebody called `StopServiceDeployment`. (own)
pub(crate) const STOPPED_BY_HAND: &str = "Service deployment was stopped by StopServiceDeployment.";

/// What there is too little of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shortage {
    /// Fargate has no capacity in the subnets' zones.
    Fargate,
    /// No container instance has enough memory.
    Memory,
    /// No container instance has enough CPU units.
    Cpu,
    /// No container instance has a free network interface.
    NetworkInterface,
}

impl Shortage {
    /// `RESOURCE:…`, as placement failures and `RunTask`'s failures call it.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Fargate => "RESOURCE:FARGATE",
            Self::Memory => "RESOURCE:MEMORY",
            Self::Cpu => "RESOURCE:CPU",
            Self::NetworkInterface => "RESOURCE:ENI",
        }
    }

    /// The line in a service's event log, after the service's name.
    pub(crate) fn event(self) -> String {
        const UNMET: &str =
            "was unable to place a task because no container instance met all of its requirements.";
        let lacking = match self {
            Self::Fargate => return format!("was unable to place a task. Reason: {CAPACITY}."),
            Self::Memory => "has insufficient memory available",
            Self::Cpu => "has insufficient CPU units available",
            Self::NetworkInterface => "has insufficient network interfaces available",
        };
        format!("{UNMET} The closest matching container-instance 1f0e8c5b7a9d4c2e {lacking}.")
    }

    /// The reason in an answer of `RunTask`.
    pub(crate) fn failure(self) -> &'static str {
        match self {
            Self::Fargate => CAPACITY,
            _ => self.code(),
        }
    }
}

const CAPACITY: &str =
    "Capacity is unavailable at this time. Please try again later or in a different availability zone";

impl FromStr for Shortage {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        match word {
            "fargate" | "true" => Ok(Self::Fargate),
            "memory" => Ok(Self::Memory),
            "cpu" => Ok(Self::Cpu),
            "network-interface" => Ok(Self::NetworkInterface),
            _ => Err(()),
        }
    }
}

/// Why a task does not get as far as RUNNING though its image is in the registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    NotFound,
    Denied,
    Platform,
    Unreachable,
    Secrets,
    Command,
}

impl Refusal {
    /// The words for an image: the reason of both container and task.
    pub(crate) fn reason(self, image: &str) -> String {
        const RETRIED: &str = "CannotPullContainerError: pull image manifest has been retried";
        match self {
            Self::NotFound => format!("{RETRIED} 5 time(s): failed to resolve ref {image}: {image}: not found"),
            Self::Denied => format!(
                "{RETRIED} 1 time(s): failed to resolve ref {image}: pulling from host failed with status code \
                 [manifests]: 403 Forbidden"
            ),
            Self::Platform => {
                format!("{RETRIED} 7 time(s): image Manifest does not contain descriptor matching platform 'linux/amd64'")
            }
            Self::Unreachable => format!(
                "CannotPullContainerError: The task cannot pull {image} from the registry. There is a connection issue \
                 between the task and the registry. Check your task network configuration. : failed to copy: \
                 httpReadSeeker: failed open: failed to do request: dial tcp: i/o timeout"
            ),
            Self::Secrets => "ResourceInitializationError: unable to pull secrets or registry auth: execution resource \
                 retrieval failed: unable to retrieve secret from asm: service call has been retried 5 time(s): failed \
                 to fetch secret from secrets manager: AccessDeniedException"
                .into(),
            Self::Command => "CannotStartContainerError: failed to create task: failed to create shim task: OCI runtime \
                 create failed: runc create failed: unable to start container process: exec: executable file not \
                 found in $PATH: unknown"
                .into(),
        }
    }

    /// Whether the image was pulled before it failed.
    pub(crate) fn after_pull(self) -> bool {
        self == Self::Command
    }
}

impl FromStr for Refusal {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        match word {
            "not-found" => Ok(Self::NotFound),
            "denied" => Ok(Self::Denied),
            "platform" => Ok(Self::Platform),
            "unreachable" => Ok(Self::Unreachable),
            "secrets" => Ok(Self::Secrets),
            "command" => Ok(Self::Command),
            _ => Err(()),
        }
    }
}
