//! Log lines: JSON, one event a line, on standard output, without secrets.

use std::io::{self, Write};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::mask::Mask;

/// Warnings of all, more of ours. The runtime repeats every error of a function; ours are written where they happen.
pub(crate) const DEFAULT_FILTER: &str = "warn,lambda_runtime::layers::panic=off,gantry=info";

/// Starts logging. A second start, as in tests, changes nothing.
pub(crate) fn start(filter: &str, mask: &Mask) {
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new(DEFAULT_FILTER));
    let started = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_env_filter(filter)
        .with_writer(MaskedLines { mask: mask.clone() })
        .try_init();
    drop(started);
}

struct MaskedLines {
    mask: Mask,
}

/// One line, or the part of it that was written so far.
struct MaskedLine {
    mask: Mask,
    line: Vec<u8>,
}

impl<'a> MakeWriter<'a> for MaskedLines {
    type Writer = MaskedLine;

    fn make_writer(&'a self) -> MaskedLine {
        MaskedLine { mask: self.mask.clone(), line: Vec::new() }
    }
}

impl Write for MaskedLine {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.line.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for MaskedLine {
    /// Only the whole line is looked through: a secret may be written in two parts.
    fn drop(&mut self) {
        let line = self.mask.hide(&String::from_utf8_lossy(&self.line));
        // A log that cannot be written is no reason to fail a release.
        drop(io::stdout().write_all(line.as_bytes()));
    }
}
