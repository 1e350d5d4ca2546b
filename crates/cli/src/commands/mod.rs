//! One module per command.

pub(crate) mod doctor;
pub(crate) mod init;
pub(crate) mod render;
pub(crate) mod resume;
pub(crate) mod rollback;
pub(crate) mod schema;
pub(crate) mod status;
pub(crate) mod unlock;
pub(crate) mod validate;
