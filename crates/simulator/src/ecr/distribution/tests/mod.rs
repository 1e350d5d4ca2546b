//! The distribution protocol over real HTTP, case by case as the specification has them.

mod admission;
mod images;
mod support;
mod uploads;
