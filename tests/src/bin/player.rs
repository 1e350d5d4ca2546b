//! The function that every Task of the failure matrix calls: it hands the invocation to the test, which runs the step,
//! and does with the answer what it is told: answers, fails, or dies.
//!
//! It stands in a Lambda sandbox as `bootstrap`, so it is small and starts at once: nothing but the standard library.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;

/// An answer in HTTP: what the headers and the body say.
struct Answer {
    request_id: String,
    verdict: String,
    body: Vec<u8>,
}

/// A connection that is kept, and opened again when the other side closed it.
struct Peer {
    address: String,
    connection: Option<BufReader<TcpStream>>,
}

fn main() -> io::Result<()> {
    let mut runtime = Peer::at("AWS_LAMBDA_RUNTIME_API")?;
    let mut test = Peer::at("MATRIX_TEST")?;
    loop {
        let call = runtime.ask("GET", "/2018-06-01/runtime/invocation/next", &[])?;
        let done = test.ask("POST", "/", &call.body)?;
        let outcome = match done.verdict.as_str() {
            "answer" => "response",
            "fail" => "error",
            // As a process that runs out of memory does: nothing is said any more.
            _ => std::process::exit(1),
        };
        let path = format!("/2018-06-01/runtime/invocation/{}/{outcome}", call.request_id);
        runtime.ask("POST", &path, &done.body)?;
    }
}

impl Peer {
    fn at(variable: &'static str) -> io::Result<Self> {
        let missing = |_| io::Error::other(format!("{variable} is not set"));
        Ok(Self { address: std::env::var(variable).map_err(missing)?, connection: None })
    }

    fn ask(&mut self, method: &str, path: &str, body: &[u8]) -> io::Result<Answer> {
        if self.connection.is_some()
            && let Ok(answer) = self.try_ask(method, path, body)
        {
            return Ok(answer);
        }
        let stream = TcpStream::connect(&self.address)?;
        stream.set_nodelay(true)?;
        self.connection = Some(BufReader::new(stream));
        self.try_ask(method, path, body)
    }

    fn try_ask(&mut self, method: &str, path: &str, body: &[u8]) -> io::Result<Answer> {
        let closed = || io::Error::from(io::ErrorKind::NotConnected);
        let connection = self.connection.as_mut().ok_or_else(closed)?;
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            self.address,
            body.len()
        );
        let mut request = head.into_bytes();
        request.extend_from_slice(body);
        connection.get_mut().write_all(&request)?;
        let (mut length, mut request_id, mut verdict) = (0, String::new(), String::new());
        let mut closes = false;
        loop {
            let mut line = String::new();
            if connection.read_line(&mut line)? == 0 {
                return Err(closed());
            }
            let line = line.trim_end();
            if line.is_empty() {
                break;
            }
            let Some((name, value)) = line.split_once(':') else {
                closes |= line.starts_with("HTTP/1.0");
                continue;
            };
            let value = value.trim();
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.parse().map_err(io::Error::other)?,
                "lambda-runtime-aws-request-id" => request_id = value.to_owned(),
                "matrix-verdict" => verdict = value.to_owned(),
                "connection" => closes |= value.eq_ignore_ascii_case("close"),
                _ => {}
            }
        }
        let mut body = vec![0; length];
        connection.read_exact(&mut body)?;
        if closes {
            self.connection = None;
        }
        Ok(Answer { request_id, verdict, body })
    }
}
