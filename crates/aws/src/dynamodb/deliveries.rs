//! Webhook deliveries: `delivery#<guid>` `github`, removed by DynamoDB some time after `ttl`.

use async_trait::async_trait;
use gantry_steps::ports::PortError;
use gantry_steps::ports::store::Deliveries;
use jiff::Timestamp;

use super::call::Expression;
use super::item::{Key, n};
use super::releases::ReleasesTable;

#[async_trait]
impl Deliveries for ReleasesTable {
    async fn is_done(&self, delivery: &str) -> Result<bool, PortError> {
        Ok(self.table().get(&key(delivery)).await?.is_some())
    }

    async fn done(&self, delivery: &str, until: Timestamp) -> Result<(), PortError> {
        let row = key(delivery).row([("ttl", n(until.as_second()))]);
        self.table().put(row, &Expression::default()).await.map(drop)
    }
}

fn key(delivery: &str) -> Key {
    Key::new(format!("delivery#{delivery}"), "github")
}
