//! One module per command.

pub(crate) mod render;
pub(crate) mod schema;
pub(crate) mod validate;
