//! Plans: `plan#<hash>` `plan` holds gzip JSON. The first plan of a hash stays.

use std::io::{Read as _, Write as _};

use async_trait::async_trait;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use gantry_domain::names::PlanHash;
use gantry_domain::plan::Plan;
use gantry_steps::ports::PortError;
use gantry_steps::ports::store::Plans;

use super::call::{ABSENT, Expression};
use super::item::{Key, Row};
use super::releases::ReleasesTable;

/// A plan is never this large unfolded; a row that claims to be is not one of ours.
const LARGEST: u64 = 16 * 1024 * 1024;

#[async_trait]
impl Plans for ReleasesTable {
    async fn put(&self, plan: &Plan) -> Result<PlanHash, PortError> {
        let hash = plan.terms.hash().map_err(|source| malformed("hashing a plan", source))?;
        let packed = pack(plan).map_err(|source| malformed("packing a plan", source))?;
        let row = key(&hash).row([("gzip", AttributeValue::B(Blob::new(packed)))]);
        self.table().put(row, &Expression::when(ABSENT)).await?;
        Ok(hash)
    }

    async fn get(&self, hash: &PlanHash) -> Result<Option<Plan>, PortError> {
        let Some(item) = self.table().get(&key(hash)).await? else { return Ok(None) };
        let packed = item.get("gzip").and_then(|value| value.as_b().ok());
        let packed = packed.ok_or_else(|| Row(&item).bad("gzip", None))?;
        let plan = unpack(packed.as_ref()).map_err(|error| Row(&item).bad("gzip", Some(error.into())))?;
        let found = plan.terms.hash().map_err(|source| malformed("hashing a plan", source))?;
        if found == *hash {
            Ok(Some(plan))
        } else {
            Err(Row(&item).bad("gzip", Some(OtherHash(found).into())))
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the plan kept there has the hash {0}")]
struct OtherHash(PlanHash);

fn key(hash: &PlanHash) -> Key {
    Key::new(format!("plan#{hash}"), "plan")
}

fn pack(plan: &Plan) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(&serde_json::to_vec(plan)?)?;
    encoder.finish()
}

fn unpack(packed: &[u8]) -> std::io::Result<Plan> {
    let mut json = Vec::new();
    GzDecoder::new(packed).take(LARGEST).read_to_end(&mut json)?;
    Ok(serde_json::from_slice(&json)?)
}

fn malformed(call: &str, source: impl std::error::Error + Send + Sync + 'static) -> PortError {
    PortError::Malformed { call: call.to_owned(), source: source.into() }
}
