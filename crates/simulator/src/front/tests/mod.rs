//! The front door over real HTTP, with really signed requests, against a MiniStack of our own making.

mod authorization;
mod door;
mod script;
mod signature;
mod sts;
mod support;
