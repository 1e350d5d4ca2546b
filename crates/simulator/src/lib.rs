//! A world to rehearse releases in: ECS and ECR over their real wire protocol, on a clock that can run fast,
//! with the people's side of a release beside them (a Slack channel, a GitHub that sends webhooks).
//!
//! It is not an AWS emulator: it plays the operations Gantry calls, and refuses the rest by name.

pub mod aws;
pub mod bus;
pub mod clock;
pub mod ecr;
pub mod ecs;
pub mod faults;
pub mod front;
pub mod github;
pub mod images;
pub mod journal;
pub mod logs;
pub mod monday;
pub mod outbound;
pub mod page;
pub mod services_http;
pub mod slack;
