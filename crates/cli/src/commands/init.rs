//! `gantry init`: writes a first configuration from what runs.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;
use gantry_aws::{Caller, EcsInventory};
use gantry_config::Overrides;
use gantry_domain::names::{ClusterName, ServiceName, StageName};

use crate::draft::{self, Draft, Home, Seen};
use crate::failure::Failure;

/// Writes a first gantry.toml from the ECS services of one or more clusters; reads ECS and changes nothing there
#[derive(Debug, Args)]
pub(crate) struct Init {
    /// A cluster, in the order a release passes them; the last is production and asks people first
    #[arg(long = "cluster", value_name = "[STAGE=]CLUSTER", required = true, value_parser = place)]
    clusters: Vec<(Option<StageName>, ClusterName)>,
    /// A service that Gantry is not to release; may be given more than once
    #[arg(long, value_name = "SERVICE")]
    without: Vec<ServiceName>,
    /// The file to write
    #[arg(long, value_name = "FILE", default_value = "gantry.toml")]
    out: PathBuf,
    /// Overwrites the file if it is there
    #[arg(long)]
    force: bool,
}

impl Init {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        // Before anything is asked; it is created only if it is still not there.
        if !self.force && self.out.exists() {
            return Err(is_there(&self.out));
        }
        let places = stages(&self.clusters)?;
        let aws = gantry_aws::connect().await;
        let caller = Caller::ask(&aws).await?;
        let ecs = EcsInventory::new(&aws);
        let mut seen = Vec::new();
        for (stage, cluster) in places {
            let services = ecs.services(&cluster).await?;
            seen.push(Seen { stage, cluster, services });
        }
        let home = Home { account: caller.account, region: caller.region };
        let draft = draft::draft(home, &seen, &self.without)
            .map_err(|error| Failure::Refused(format!("{error}\nnothing was written")))?;
        let text = draft.to_string();
        write(&self.out, &text, self.force)?;
        tell(&self.out, &draft, &text);
        Ok(())
    }
}

fn place(text: &str) -> Result<(Option<StageName>, ClusterName), String> {
    let (stage, cluster) = match text.split_once('=') {
        None => (None, text),
        Some((stage, cluster)) => (Some(StageName::new(stage).map_err(|error| error.to_string())?), cluster),
    };
    Ok((stage, ClusterName::new(cluster).map_err(|error| error.to_string())?))
}

/// A name for each cluster's stage: as given, or by its place.
fn stages(clusters: &[(Option<StageName>, ClusterName)]) -> Result<Vec<(StageName, ClusterName)>, Failure> {
    let mut places: Vec<(StageName, ClusterName)> = Vec::new();
    for (index, (stage, cluster)) in clusters.iter().enumerate() {
        let stage = match stage {
            Some(stage) => stage.clone(),
            None => by_place(index, clusters.len())?,
        };
        if places.iter().any(|(_, known)| known == cluster) {
            let words =
                format!("the cluster {cluster} was given twice, and each stage has a cluster of its own");
            return Err(Failure::Refused(words));
        }
        if places.iter().any(|(known, _)| *known == stage) {
            let words =
                format!("two stages would be called {stage}: give them names with --cluster STAGE=CLUSTER");
            return Err(Failure::Refused(words));
        }
        places.push((stage, cluster.clone()));
    }
    Ok(places)
}

fn by_place(index: usize, count: usize) -> Result<StageName, Failure> {
    let name = match index {
        last if last + 1 == count => "production".to_owned(),
        0 => "preproduction".to_owned(),
        between => format!("stage-{}", between + 1),
    };
    StageName::new(name).map_err(|error| Failure::Refused(error.to_string()))
}

fn is_there(file: &Path) -> Failure {
    Failure::Refused(format!(
        "{} is there already and was left as it is: write to another file with --out, or over it with --force",
        file.display()
    ))
}

fn write(file: &Path, text: &str, force: bool) -> Result<(), Failure> {
    let mut options = OpenOptions::new();
    options.write(true);
    if force {
        options.create(true).truncate(true)
    } else {
        options.create_new(true)
    };
    let opened = options.open(file).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => is_there(file),
        _ => Failure::unwritable(file, error),
    });
    opened?.write_all(text.as_bytes()).map_err(|error| Failure::unwritable(file, error))
}

/// What was found, what was not taken, and what is left to do: in the words of `gantry validate`.
fn tell(file: &Path, draft: &Draft, text: &str) {
    let file = file.display().to_string();
    println!("{file} is written");
    for component in &draft.components {
        let services: Vec<&str> = component.services.iter().map(|service| service.name.as_str()).collect();
        println!("  {}: {}", component.name, services.join(", "));
    }
    for one in &draft.left_out {
        println!("  left out: {} {}", one.service, one.reason);
    }
    if let Err(mistakes) = gantry_config::parse(&file, text, &Overrides::default()) {
        println!("left to fill in, as gantry validate says:\n{mistakes}");
    }
}
