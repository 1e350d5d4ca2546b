//! A first configuration from what runs: which services belong together, and what each stage's names have in common.
//!
//! Pure: what runs was read before, and [`text`] writes the result down. What AWS does not know is left to the reader and
//! never made up.

mod naming;
mod pattern;
#[cfg(test)]
mod tests;
mod text;

use std::collections::{BTreeMap, BTreeSet};

use gantry_aws::{LiveContainer, LiveDefinition, LiveService};
use gantry_domain::ecs::Controller;
use gantry_domain::names::{ClusterName, RepositoryName, RoleArn, ServiceName, StageName};

use pattern::Named;

/// Where the clusters are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Home {
    pub(crate) account: String,
    pub(crate) region: String,
}

/// A cluster as it was read.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) stage: StageName,
    pub(crate) cluster: ClusterName,
    pub(crate) services: Vec<LiveService>,
}

/// What is written down.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) home: Home,
    pub(crate) pipeline: String,
    pub(crate) components: Vec<Component>,
    pub(crate) stages: Vec<Stage>,
    pub(crate) left_out: Vec<LeftOut>,
}

/// Services that run images of one repository.
#[derive(Debug)]
pub(crate) struct Component {
    pub(crate) name: String,
    pub(crate) repository: RepositoryName,
    /// One wave each, in this order.
    pub(crate) services: Vec<Member>,
}

/// A service of a component.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) name: ServiceName,
    pub(crate) balanced: bool,
    /// Containers whose image comes from the component's repository.
    pub(crate) replaced: Vec<String>,
    /// Containers beside them with the image they keep.
    pub(crate) kept: Vec<String>,
}

/// A stage, with what the names in it have in common.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) name: StageName,
    pub(crate) cluster: ClusterName,
    /// `None` where they have nothing in common.
    pub(crate) families: Option<String>,
    pub(crate) log_groups: Option<String>,
    pub(crate) task_roles: BTreeSet<RoleArn>,
    pub(crate) named: Vec<Named>,
}

/// A service that is in no component, and why.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct LeftOut {
    pub(crate) service: ServiceName,
    pub(crate) reason: String,
}

/// Why there is no draft.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DraftError {
    /// Somebody else deploys a service.
    #[error(
        "{service} in {cluster} is deployed by {controller}, and Gantry deploys only what ECS deploys itself: give it the \
         deployment controller ECS (ECS may change it with an update of the service), or leave it out with --without {service}"
    )]
    Controller { service: ServiceName, cluster: ClusterName, controller: String },
    /// What was to be left out is not there.
    #[error("there is no service {0} to leave out")]
    NoSuchService(ServiceName),
    /// Nothing is left.
    #[error("no service can be released{}", each(.0))]
    Nothing(Vec<LeftOut>),
}

fn each(left_out: &[LeftOut]) -> String {
    left_out.iter().map(|one| format!("\n  {}: {}", one.service, one.reason)).collect()
}

/// A service in every stage.
type InStages<'a> = Vec<(&'a Seen, &'a LiveService)>;

/// Makes a draft of what was seen, stage by stage, but without some services.
pub(crate) fn draft(home: Home, seen: &[Seen], without: &[ServiceName]) -> Result<Draft, DraftError> {
    let mut found: BTreeMap<&ServiceName, InStages<'_>> = BTreeMap::new();
    for stage in seen {
        for service in &stage.services {
            found.entry(&service.name).or_default().push((stage, service));
        }
    }
    if let Some(unknown) = without.iter().find(|name| !found.contains_key(name)) {
        return Err(DraftError::NoSuchService(unknown.clone()));
    }
    let registry = format!("{}.dkr.ecr.{}.amazonaws.com/", home.account, home.region);
    let mut left_out = Vec::new();
    let mut by_repository: BTreeMap<RepositoryName, Vec<Member>> = BTreeMap::new();
    for (name, places) in &found {
        let judged = if without.contains(name) {
            Err("left out on the command line".to_owned())
        } else {
            deployed_by_ecs(places)?;
            member(name, places, seen, &registry)
        };
        match judged {
            Ok((repository, member)) => by_repository.entry(repository).or_default().push(member),
            Err(reason) => left_out.push(LeftOut { service: (*name).clone(), reason }),
        }
    }
    if by_repository.is_empty() {
        return Err(DraftError::Nothing(left_out));
    }
    let repositories: Vec<&RepositoryName> = by_repository.keys().collect();
    let pipeline = naming::pipeline(&repositories);
    let names = naming::components(&repositories);
    let mut components: Vec<Component> = names
        .into_iter()
        .zip(by_repository)
        .map(|(name, (repository, services))| Component { name, repository, services })
        .collect();
    for component in &mut components {
        component.services.sort_by_key(|service| !service.balanced);
    }
    components.sort_by_key(|component| !component.services.iter().any(|service| service.balanced));
    let stages = seen.iter().map(|seen| stage(seen, &components, &registry)).collect();
    Ok(Draft { home, pipeline, components, stages, left_out })
}

fn deployed_by_ecs(places: &InStages<'_>) -> Result<(), DraftError> {
    for (seen, service) in places {
        if let Controller::Other(controller) = &service.controller {
            return Err(DraftError::Controller {
                service: service.name.clone(),
                cluster: seen.cluster.clone(),
                controller: controller.clone(),
            });
        }
    }
    Ok(())
}

/// The service in the component of its repository, or why it is in none.
fn member(
    name: &ServiceName,
    places: &InStages<'_>,
    seen: &[Seen],
    registry: &str,
) -> Result<(RepositoryName, Member), String> {
    if let Some(lacking) = seen.iter().find(|one| places.iter().all(|(place, _)| place.stage != one.stage)) {
        return Err(format!("is not in {}, and a release passes every stage", lacking.cluster));
    }
    let mut chosen: Option<(RepositoryName, &Seen)> = None;
    let mut member = Member { name: name.clone(), balanced: false, replaced: Vec::new(), kept: Vec::new() };
    for (seen, service) in places {
        let Some(definition) = &service.definition else {
            return Err(format!("has no task definition of its own in {}", seen.cluster));
        };
        let Some(repository) = repository_of(service, definition, registry) else {
            let images: Vec<&str> =
                definition.containers.iter().map(|container| container.image.as_str()).collect();
            return Err(format!(
                "runs no image from {registry} in {}, but {}",
                seen.cluster,
                images.join(", ")
            ));
        };
        if let Some((other, first)) = &chosen
            && *other != repository
        {
            return Err(format!(
                "runs images of {other} in {} and of {repository} in {}, and Gantry takes one and the same image \
                 through every stage",
                first.cluster, seen.cluster
            ));
        }
        // As production has them, which is the last.
        let (replaced, kept): (Vec<_>, Vec<_>) = definition
            .containers
            .iter()
            .partition(|container| in_registry(container, registry).as_ref() == Some(&repository));
        member.replaced = replaced.iter().map(|container| container.name.to_string()).collect();
        member.kept =
            kept.iter().map(|container| format!("{} ({})", container.name, container.image)).collect();
        member.balanced |= !service.balanced.is_empty();
        chosen = Some((repository, seen));
    }
    let (repository, _) = chosen.ok_or_else(|| "is in no cluster".to_owned())?;
    Ok((repository, member))
}

/// Whose image makes the service what it is: of what its load balancer asks, else of its namesake, else of what is
/// essential. A log router or an agent from the same registry must not win.
fn repository_of(
    service: &LiveService,
    definition: &LiveDefinition,
    registry: &str,
) -> Option<RepositoryName> {
    let from_registry =
        definition.containers.iter().filter_map(|one| Some((one, in_registry(one, registry)?)));
    let rank = |container: &LiveContainer| {
        (
            !service.balanced.iter().any(|name| name == container.name.as_str()),
            container.name.as_str() != service.name.as_str(),
            !container.essential,
        )
    };
    from_registry.min_by_key(|(container, _)| rank(container)).map(|(_, repository)| repository)
}

/// The repository in that registry which the container's image comes from.
fn in_registry(container: &LiveContainer, registry: &str) -> Option<RepositoryName> {
    let path = container.image.strip_prefix(registry)?;
    let path = path.split_once('@').map_or(path, |(path, _)| path);
    let path = path.split_once(':').map_or(path, |(path, _)| path);
    RepositoryName::new(path).ok()
}

fn stage(seen: &Seen, components: &[Component], registry: &str) -> Stage {
    let released: BTreeMap<&ServiceName, &RepositoryName> = components
        .iter()
        .flat_map(|component| component.services.iter().map(|service| (&service.name, &component.repository)))
        .collect();
    let mut named = Vec::new();
    let mut task_roles = BTreeSet::new();
    for service in &seen.services {
        if let (Some(repository), Some(definition)) = (released.get(&service.name), &service.definition) {
            let own = definition
                .containers
                .iter()
                .find(|container| in_registry(container, registry).as_ref() == Some(*repository));
            named.push(Named {
                service: service.name.to_string(),
                family: definition.family.clone(),
                log_group: own.and_then(|container| container.log_group.clone()),
            });
            task_roles.extend(definition.roles.iter().cloned());
        }
    }
    Stage {
        name: seen.stage.clone(),
        cluster: seen.cluster.clone(),
        families: pattern::families(&named),
        log_groups: pattern::log_groups(&named),
        task_roles,
        named,
    }
}
