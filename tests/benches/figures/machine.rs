//! The machine the figures were taken on, as it says itself.

use std::fmt;
use std::process::Command;

/// What a reader of figures wants to know of a machine.
pub(crate) struct Machine {
    processor: String,
    cores: usize,
    memory_gib: u64,
    system: String,
    load: String,
    versions: String,
    date: String,
}

impl Machine {
    pub(crate) fn here(python: &std::path::Path) -> Self {
        let line = |file: &str, name: &str| {
            let text = std::fs::read_to_string(file).unwrap_or_default();
            let found = text.lines().find_map(|line| line.strip_prefix(name).map(str::to_owned));
            found.unwrap_or_default().trim_start_matches([' ', '\t', ':']).trim().to_owned()
        };
        let memory = line("/proc/meminfo", "MemTotal");
        let kib: u64 = memory.split(' ').next().unwrap_or_default().parse().unwrap_or_default();
        let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
        Self {
            processor: line("/proc/cpuinfo", "model name"),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_gib: kib / (1 << 20),
            system: said("uname", &["-sm"]),
            load: load.split(' ').next().unwrap_or_default().to_owned(),
            versions: format!(
                "{}, Node {}, {}",
                said("rustc", &["--version"]).split(" (").next().unwrap_or_default(),
                said("node", &["--version"]),
                said(&python.display().to_string(), &["--version"])
            ),
            date: jiff::Timestamp::now().strftime("%Y-%m-%d").to_string(),
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { processor, cores, memory_gib, system, load, versions, date } = self;
        write!(
            f,
            "Taken on {date} with `make bench`: {processor}, {cores} cores, {memory_gib} GiB, {system}, load {load} at the \
             beginning; {versions}."
        )
    }
}

fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
}
