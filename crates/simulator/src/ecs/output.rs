//! What containers print, by way of their definition's `awslogs` options: group, and stream `prefix/container/task-id`.
//!
//! Groups need not exist; other log drivers, and definitions without a stream prefix, leave nothing to read.

use serde_json::Value;

use super::model::{Task, World};
use crate::logs::Stream;

impl World {
    /// The containers run: their streams are there, and those that go on running print their lines.
    pub(crate) fn open_logs(&mut self, serial: u64) {
        let Some(task) = self.tasks.get(&serial) else { return };
        let Some(life) = &task.life else { return };
        for index in 0..task.containers.len() {
            let Some(stream) = self.stream(task, index) else { continue };
            self.logs.open(&stream, self.now);
            if life.exit.is_none_or(|exit| exit.container != index) {
                self.print(&stream, life.logs.get(index));
            }
        }
    }

    /// A container prints its last lines before it ends.
    pub(crate) fn write_last_words(&mut self, serial: u64, container: usize) {
        let Some(task) = self.tasks.get(&serial) else { return };
        let lines = task.life.as_ref().and_then(|life| life.logs.get(container));
        if let Some(stream) = self.stream(task, container) {
            self.print(&stream, lines);
        }
    }

    fn print(&self, stream: &Stream, lines: Option<&Vec<String>>) {
        for line in lines.into_iter().flatten() {
            self.logs.write(stream, self.now, line);
        }
    }

    /// Where a container of a task writes.
    fn stream(&self, task: &Task, container: usize) -> Option<Stream> {
        let name = &task.containers.get(container)?.spec.name;
        let definition = self.definition(&task.definition)?;
        let bodies = definition.body.get("containerDefinitions")?.as_array()?;
        let body = bodies.iter().find(|body| body["name"] == name.as_str())?;
        let logging = &body["logConfiguration"];
        let option = |name: &str| logging["options"].get(name).and_then(Value::as_str);
        if logging["logDriver"] != "awslogs" {
            return None;
        }
        let (group, prefix) = (option("awslogs-group")?, option("awslogs-stream-prefix")?);
        Some(Stream { group: group.into(), name: format!("{prefix}/{name}/{}", task.id) })
    }
}
