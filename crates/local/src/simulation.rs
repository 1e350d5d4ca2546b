//! The simulator composed: one loopback server that is ECS, ECR and STS, Slack, GitHub, Monday and the services' endpoints.
//!
//! It knows MiniStack only as the IAM it asks and the bus it feeds. What stands in the world is seeded by others.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use gantry_domain::Scale;
use gantry_domain::pipeline::Pipeline;
use gantry_simulator::bus::Bus;
use gantry_simulator::clock::WorldClock;
use gantry_simulator::ecr::{Distribution, Ecr};
use gantry_simulator::ecs::Ecs;
use gantry_simulator::front::{Front, Identities, MiniStackAuthorizer};
use gantry_simulator::github::{self, GitHubConfig, GitHubRepository};
use gantry_simulator::journal::Journal;
use gantry_simulator::monday::{self, MondayBoard, MondayConfig};
use gantry_simulator::outbound::SendError;
use gantry_simulator::page::{self, Controls, Sources};
use gantry_simulator::services_http;
use gantry_simulator::slack::{self, SlackConfig, SlackWorkspace};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::client::{ACCOUNT, REGION};
use crate::views::WorldViews;

/// Why the simulator does not stand.
#[derive(Debug, thiserror::Error)]
pub enum SimulationError {
    /// There is no place for what is uploaded to the registry.
    #[error("the registry's folder could not be made")]
    Folder(#[source] std::io::Error),
    /// There is no loopback port to listen on.
    #[error("the simulator could not listen on loopback")]
    Listen(#[source] std::io::Error),
    /// The system has no randomness for the page's token.
    #[error("the page could not be set up")]
    Random(#[source] getrandom::Error),
    /// A client of the simulator could not be made.
    #[error("the simulator's people could not be set up")]
    People(#[source] SendError),
}

/// Who lives in the simulated world.
#[derive(Debug, Clone)]
pub struct People {
    /// The Slack workspace.
    pub slack: SlackConfig,
    /// The repository on GitHub.
    pub github: GitHubConfig,
    /// The board on Monday.
    pub monday: MondayConfig,
}

/// The running simulator. Dropping it ends its server.
pub struct Simulation {
    /// The world's clock.
    pub clock: WorldClock,
    /// Every call to ECS, ECR and STS.
    pub journal: Journal,
    /// The front door, for call scripts.
    pub front: Arc<Front>,
    /// Keys that open it.
    pub identities: Arc<Identities>,
    /// IAM's judgement of roles.
    pub authorizer: Arc<MiniStackAuthorizer>,
    /// The registry.
    pub ecr: Arc<Ecr>,
    /// The clusters.
    pub ecs: Arc<Ecs>,
    /// The workspace.
    pub slack: SlackWorkspace,
    /// The repository.
    pub github: GitHubRepository,
    /// The board.
    pub monday: MondayBoard,
    /// What the page shows of releases and services.
    pub views: Arc<WorldViews>,
    /// What people ask for with the page's buttons.
    pub controls: Controls,
    url: String,
    tasks: Vec<JoinHandle<()>>,
}

impl Simulation {
    /// Starts it beside the MiniStack at `aws`, with an empty registry that writes uploads into `folder`, and no clusters.
    pub async fn start(
        aws: &str,
        folder: &Path,
        scale: Scale,
        people: People,
        pipeline: Pipeline,
    ) -> Result<Self, SimulationError> {
        let clock = WorldClock::new(scale);
        let (events, bus) = mpsc::unbounded_channel();
        let identities = Arc::new(Identities::new(ACCOUNT));
        let authorizer = Arc::new(MiniStackAuthorizer::new(aws, ACCOUNT, REGION));
        let journal = Journal::default();
        std::fs::create_dir_all(folder).map_err(SimulationError::Folder)?;
        let ecr = Arc::new(Ecr::new(ACCOUNT, REGION, clock, events.clone()).in_folder(folder));
        let ecs = Arc::new(Ecs::new(clock, Arc::clone(&ecr) as _, events, ACCOUNT, REGION));
        let front = Front::new(Arc::clone(&identities), Arc::clone(&authorizer) as _, journal.clone(), clock);
        let front = front.service(Arc::clone(&ecr) as _).service(Arc::clone(&ecs) as _);
        let front = Arc::new(front.service(ecs.logs()));
        let slack = SlackWorkspace::new(people.slack).map_err(SimulationError::People)?;
        let github = GitHubRepository::new(people.github).map_err(SimulationError::People)?;
        let monday = MondayBoard::new(people.monday);

        let controls = Controls::default();
        let views = WorldViews::new(Arc::clone(&ecs), pipeline, scale);
        let page = page::router(Sources {
            views: Arc::clone(&views) as _,
            slack: slack.clone(),
            github: github.clone(),
            monday: monday.clone(),
            controls: controls.clone(),
            clock: scale,
        })
        .map_err(SimulationError::Random)?;

        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(SimulationError::Listen)?;
        let url = format!("http://{}", listener.local_addr().map_err(SimulationError::Listen)?);
        ecr.set_public_url(&url);
        slack.set_public_url(&url);
        let router = Arc::clone(&front)
            .router()
            .merge(Arc::clone(&ecr).router())
            .merge(Distribution::new(Arc::clone(&ecr), front.gate()).router())
            .merge(services_http::router(Arc::clone(&ecs)))
            .merge(slack::router(slack.clone()))
            .merge(github::router(github.clone()))
            .merge(monday::router(monday.clone()))
            .merge(page);
        let server = tokio::spawn(async move {
            if let Err(error) =
                axum::serve(listener, router.into_make_service_with_connect_info::<SocketAddr>()).await
            {
                tracing::error!(%error, "the simulator's server ended");
            }
        });
        let bus_of_aws =
            Bus { endpoint: aws.to_owned(), account: ACCOUNT.to_owned(), region: REGION.to_owned() };
        let tasks = vec![server, tokio::spawn(bus_of_aws.forward(bus)), ecs.start()];
        Ok(Self {
            clock,
            journal,
            front,
            identities,
            authorizer,
            ecr,
            ecs,
            slack,
            github,
            monday,
            views,
            controls,
            url,
            tasks,
        })
    }

    /// Where it listens.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The registry's address as `docker login` and image names have it. ECR's own API listens there too.
    pub fn registry_address(&self) -> &str {
        self.url.trim_start_matches("http://")
    }

    /// The page a person can open.
    pub fn page_url(&self) -> String {
        format!("{}/page", self.url)
    }

    /// Base URL of a service's endpoints, as a load balancer would have one.
    pub fn service_url(&self, cluster: &str, service: &str) -> String {
        format!("{}/services/{cluster}/{service}", self.url)
    }
}

impl Drop for Simulation {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}
