//! A draft as the text of `gantry.toml`.
//!
//! What AWS does not know is [`FILL_IN`], which no field accepts: `gantry validate` then names each place with what is
//! expected there, and nothing can be deployed with a made-up approver or channel.

use std::fmt::{self, Display, Formatter};

use super::{Component, Draft, LeftOut, Member, Stage};

/// Stands where a person has to write something.
pub(crate) const FILL_IN: &str = "<fill in>";

/// What the log groups are without a word, and the pattern that needs none.
const DEFAULT_LOG_GROUPS: &str = "/ecs/{family}";

impl Display for Draft {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let clusters: Vec<&str> = self.stages.iter().map(|stage| stage.cluster.as_str()).collect();
        writeln!(
            f,
            "# Written by `gantry init` from what runs in {}.\n#\n\
             # Where it says \"{FILL_IN}\", a person has to: `gantry validate` names each such place until it is done.\n\
             # The rest was read from ECS or guessed from names. Check what is marked so.\n",
            clusters.join(" and ")
        )?;
        writeln!(
            f,
            "[pipeline]\n\
             # Guessed. It is part of the names of all resources: choose it before anything is deployed.\n\
             name = {}\n\
             # FILL IN: the code on GitHub, as owner/name.\n\
             repository = {FILL_IN:?}\n\
             # Guessed.\n\
             branch = \"main\"\n\n\
             # FILL IN: ids, not names.\n\
             [slack]\n\
             team = {FILL_IN:?} # the workspace, begins with T\n\
             app = {FILL_IN:?} # the Slack app whose buttons count, begins with A\n\
             channel = {FILL_IN:?} # where people are told and asked, begins with C",
            text(&self.pipeline)
        )?;
        heading(f, "Components, in the order they are deployed")?;
        writeln!(
            f,
            "\n# Guessed: those behind load balancers first. Put what others depend on before them."
        )?;
        self.components.iter().try_for_each(|component| write_component(f, component))?;
        write_left_out(f, &self.left_out)?;
        heading(f, "Stages, in the order a release passes them")?;
        let last = self.stages.len().saturating_sub(1);
        for (index, stage) in self.stages.iter().enumerate() {
            self.write_stage(f, stage, index == last)?;
        }
        self.write_checks(f)
    }
}

fn heading(f: &mut Formatter<'_>, words: &str) -> fmt::Result {
    writeln!(f, "\n# ─── {words} {}", "─".repeat(110_usize.saturating_sub(words.chars().count())))
}

fn write_component(f: &mut Formatter<'_>, component: &Component) -> fmt::Result {
    let name = &component.name;
    writeln!(f, "\n[[components]]\n# Guessed from the repository's name.\nname = {}", text(name))?;
    writeln!(f, "repository = {}", text(component.repository.as_str()))?;
    writeln!(
        f,
        "# FILL IN: which paths of the code it is built from, such as \"{name}/**\".\n\
         paths = [{FILL_IN:?}]\n\
         # Workflows that must have succeeded for a commit: workflows = [\".github/workflows/{name}.yml\"]"
    )?;
    component.services.iter().try_for_each(|service| write_member(f, service))?;
    writeln!(f, "# Guessed: behind a load balancer first, one after the other.")?;
    let waves: Vec<String> =
        component.services.iter().map(|service| format!("[{}]", text(service.name.as_str()))).collect();
    writeln!(f, "waves = [{}]", waves.join(", "))
}

fn write_member(f: &mut Formatter<'_>, member: &Member) -> fmt::Result {
    let Member { name, balanced, replaced, kept } = member;
    let balanced = if *balanced { " (behind a load balancer)" } else { "" };
    let mut line = format!("{name}{balanced}: replaces the image of {}", replaced.join(", "));
    if !kept.is_empty() {
        line = format!("{line}; leaves {}", kept.join(", "));
    }
    comment(f, &line)
}

fn write_left_out(f: &mut Formatter<'_>, left_out: &[LeftOut]) -> fmt::Result {
    if left_out.is_empty() {
        return Ok(());
    }
    writeln!(f, "\n# Not in any component:")?;
    left_out.iter().try_for_each(|one| comment(f, &format!("  {} {}", one.service, one.reason)))
}

impl Draft {
    fn write_stage(&self, f: &mut Formatter<'_>, stage: &Stage, is_last: bool) -> fmt::Result {
        writeln!(
            f,
            "\n[[stages]]\nname = {}\naccount = {}\nregion = {}\ncluster = {}",
            text(stage.name.as_str()),
            text(&self.home.account),
            text(&self.home.region),
            text(stage.cluster.as_str())
        )?;
        write_families(f, stage)?;
        write_log_groups(f, stage)?;
        writeln!(
            f,
            "# The roles of the task definitions that run now. Gantry may pass these and no others.\ntask_roles = ["
        )?;
        for role in &stage.task_roles {
            writeln!(f, "  {},", text(role.as_str()))?;
        }
        writeln!(f, "]")?;
        if is_last {
            writeln!(
                f,
                "\n# FILL IN: Slack user ids, which begin with U. One of these people decides; nobody else counts.\n\
                 [stages.approval]\napprovers = [{FILL_IN:?}]"
            )?;
        }
        Ok(())
    }

    /// Nothing that ECS knows: where a component answers, and with what.
    fn write_checks(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let answers = |component: &&Component| component.services.iter().any(|service| service.balanced);
        let Some(component) = self.components.iter().find(answers) else { return Ok(()) };
        let name = &component.name;
        heading(f, "Checks, in every stage unless they name their own")?;
        writeln!(
            f,
            "\n# A wave counts when ECS says so. Better is to ask what was deployed. In each stage, before its approval:\n\
             #\n\
             # [stages.urls]\n\
             # {name} = \"https://{name}.example\"\n\
             #\n\
             # and here:\n\
             #\n\
             # [[checks]]\n\
             # name = \"{name}-health\"\n\
             # after = \"{name}\"\n\
             #\n\
             # [checks.http]\n\
             # url = \"{{{name}}}/health\""
        )
    }
}

fn write_families(f: &mut Formatter<'_>, stage: &Stage) -> fmt::Result {
    if let Some(families) = &stage.families {
        return writeln!(f, "families = {}", text(families));
    }
    writeln!(
        f,
        "# FILL IN: Gantry may deploy families of one pattern with {{service}} in it, and these have none in common:"
    )?;
    for one in &stage.named {
        comment(f, &format!("  {}: {}", one.service, one.family))?;
    }
    writeln!(f, "families = {FILL_IN:?}")
}

fn write_log_groups(f: &mut Formatter<'_>, stage: &Stage) -> fmt::Result {
    match stage.log_groups.as_deref() {
        Some(DEFAULT_LOG_GROUPS) => Ok(()),
        Some(pattern) => writeln!(f, "log_groups = {}", text(pattern)),
        None => writeln!(
            f,
            "# The services' log groups have nothing in common: Gantry shows no lines of a task that failed.\n\
             log_groups = \"\""
        ),
    }
}

/// A TOML basic string, which is written as JSON's are.
fn text(value: &str) -> String {
    serde_json::Value::from(value).to_string()
}

/// One line, whatever ECS answered.
fn comment(f: &mut Formatter<'_>, line: &str) -> fmt::Result {
    let line: String = line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    writeln!(f, "# {line}")
}
