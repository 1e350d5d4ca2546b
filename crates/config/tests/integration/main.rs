//! Whole files in, what people and AWS see out.

#[cfg(test)]
mod files;
#[cfg(test)]
mod install;
#[cfg(test)]
mod overrides;
#[cfg(test)]
mod pipeline;
#[cfg(test)]
mod policy;
#[cfg(test)]
mod schema;
#[cfg(test)]
mod slack_app;
#[cfg(test)]
mod support;
#[cfg(test)]
mod template;
