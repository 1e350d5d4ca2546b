//! Who may do what (T38, T39): a small evaluator of IAM over the rendered template, and what it must say.

mod functions;
mod iam;
mod resolve;
mod rules;
mod stages;
