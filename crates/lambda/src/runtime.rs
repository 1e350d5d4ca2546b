//! The Lambda runtime's loop around a step, a route or an event.
//!
//! A function is wired once, at its cold start. If that fails, every invocation is answered with the reason: a process
//! that dies at its start would only say that it died.

use std::future::Future;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use gantry_steps::StepError;
use gantry_steps::ports::{DeadLetter, DeadLetters};
use jiff::Timestamp;
use lambda_runtime::{Context, Diagnostic, LambdaEvent, service_fn};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::diagnostic::{InvalidInput, OutOfTime, SetupError, diagnostic};
use crate::events::{Read, Unreadable};
use crate::http::{HttpAnswer, HttpRequest};
use crate::mask::Mask;
use crate::settings::{Environment, Settings};
use crate::telemetry;
use crate::wiring::Wiring;

/// Kept back from the invocation's time, to answer.
const RESERVE: Duration = Duration::from_millis(500);

/// Runs a Task state: the input as JSON in, the output or a named error out.
pub fn task<P, I, O, E>(
    function: &'static str,
    wire: impl AsyncFnOnce(&Wiring) -> Result<P, SetupError>,
    step: impl AsyncFn(&P, I) -> Result<O, E>,
) -> ExitCode
where
    I: DeserializeOwned,
    O: Serialize,
    E: StepError,
{
    serve(function, wire, async |ports, mask, event| {
        run_task(mask, event, async |input| step(ports, input).await).await
    })
}

/// Runs a route of the HTTP API: a request in, an answer out. `now` is real time in seconds.
pub fn http<P>(
    function: &'static str,
    wire: impl AsyncFnOnce(&Wiring) -> Result<P, SetupError>,
    route: impl AsyncFn(&P, &HttpRequest, i64) -> HttpAnswer,
) -> ExitCode {
    serve(function, wire, async |ports, _, event| {
        Ok(run_http(event, async |request, now| route(ports, &request, now).await).await)
    })
}

/// Runs on an event. What cannot be read of it goes to the dead letters with its cause; an error of the step is
/// Lambda's to try again.
pub fn event<P, I, O, E>(
    function: &'static str,
    wire: impl AsyncFnOnce(&Wiring) -> Result<P, SetupError>,
    read: fn(Value) -> Read<I>,
    step: impl AsyncFn(&P, I) -> Result<O, E>,
) -> ExitCode
where
    O: std::fmt::Debug,
    E: StepError,
{
    let wire = async |wiring: &Wiring| Ok((wire(wiring).await?, wiring.dead_letters()?));
    serve(function, wire, async |(ports, dead_letters), mask, event| {
        run_event(function, mask, dead_letters, read, event, async |input| step(ports, input).await).await
    })
}

fn serve<P>(
    function: &'static str,
    wire: impl AsyncFnOnce(&Wiring) -> Result<P, SetupError>,
    answer: impl AsyncFn(&P, &Mask, LambdaEvent<Value>) -> Result<Value, Diagnostic>,
) -> ExitCode {
    let mask = Mask::default();
    let settings = Settings::new(Environment);
    telemetry::start(&settings.log_filter(), &mask);
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(function, %error, "there is no async runtime");
            return ExitCode::FAILURE;
        }
    };
    let ended = runtime.block_on(async {
        let wiring = Wiring::load(settings, mask.clone()).await;
        let ports = wire(&wiring).await;
        if let Err(error) = &ports {
            tracing::error!(function, error = error.words(), "the function cannot be wired");
        }
        let (ports, mask, answer) = (&ports, &mask, &answer);
        let handler = service_fn(move |event: LambdaEvent<Value>| async move {
            match ports {
                Ok(ports) => answer(ports, mask, event).await,
                Err(error) => Err(diagnostic(error, mask)),
            }
        });
        lambda_runtime::run(handler).await
    });
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(function, error = %error, "the function's loop ended");
            ExitCode::FAILURE
        }
    }
}

async fn run_task<I, O, E>(
    mask: &Mask,
    event: LambdaEvent<Value>,
    step: impl AsyncFnOnce(I) -> Result<O, E>,
) -> Result<Value, Diagnostic>
where
    I: DeserializeOwned,
    O: Serialize,
    E: StepError,
{
    mask.learn_token(&event.payload);
    let input =
        serde_json::from_value(event.payload).map_err(|error| failed(&InvalidInput::from(error), mask))?;
    match in_time(&event.context, step(input)).await {
        Some(Ok(output)) => {
            serde_json::to_value(output).map_err(|error| failed(&InvalidInput::from(error), mask))
        }
        Some(Err(error)) => Err(failed(&error, mask)),
        None => Err(failed(&OutOfTime, mask)),
    }
}

async fn run_http(
    event: LambdaEvent<Value>,
    route: impl AsyncFnOnce(HttpRequest, i64) -> HttpAnswer,
) -> Value {
    let answer = match HttpRequest::read(event.payload) {
        Ok(request) => {
            let now = Timestamp::now().as_second();
            in_time(&event.context, route(request, now)).await.unwrap_or_else(|| {
                tracing::error!("the function's time ran out before the request was dealt with");
                HttpAnswer::broken()
            })
        }
        Err(error) => {
            tracing::error!(%error, "not an event of the HTTP API");
            HttpAnswer::refused(400, "the request cannot be read")
        }
    };
    answer.write()
}

async fn run_event<I, O, E>(
    function: &'static str,
    mask: &Mask,
    dead_letters: &impl DeadLetters,
    read: fn(Value) -> Read<I>,
    event: LambdaEvent<Value>,
    step: impl AsyncFnOnce(I) -> Result<O, E>,
) -> Result<Value, Diagnostic>
where
    O: std::fmt::Debug,
    E: StepError,
{
    let Read { input, unreadable } = read(event.payload);
    for Unreadable { event, cause } in unreadable {
        tracing::error!(function, cause, "an event was not understood");
        let event = mask.hide(&event.to_string());
        let letter = DeadLetter { function: function.to_owned(), cause: mask.hide(&cause), event };
        // Where even that fails, Lambda keeps the event: its retries end in the same queue.
        dead_letters.put(&letter).await.map_err(|error| failed(&error, mask))?;
    }
    let Some(input) = input else { return Ok(Value::Null) };
    match in_time(&event.context, step(input)).await {
        Some(Ok(output)) => {
            tracing::info!(function, ?output, "done");
            Ok(Value::Null)
        }
        Some(Err(error)) => Err(failed(&error, mask)),
        None => Err(failed(&OutOfTime, mask)),
    }
}

fn failed(error: &impl StepError, mask: &Mask) -> Diagnostic {
    let seen = diagnostic(error, mask);
    tracing::error!(error = seen.error_type, cause = seen.error_message, "failed");
    seen
}

/// Gives up shortly before Lambda would end the process without a word (T23).
async fn in_time<T>(context: &Context, work: impl Future<Output = T>) -> Option<T> {
    let left = context.deadline().duration_since(SystemTime::now()).unwrap_or_default();
    tokio::time::timeout(left.saturating_sub(RESERVE), work).await.ok()
}

#[cfg(test)]
mod tests;
