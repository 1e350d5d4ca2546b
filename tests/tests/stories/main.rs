//! The stories: the deployed stack in the local world, with real binaries. One test binary, so that all of it is linked
//! once. Each story has a world of its own; named after a row of the threats where it proves one.

mod checks;
mod client;
mod console;
mod decisions;
mod doctor;
mod documents;
mod faults;
mod harness;
mod init;
mod intake;
mod locks;
mod reasons;
mod reconcile;
mod rights;
mod road;
mod rollback;
mod stopped;
mod vendors;
mod webhooks;
