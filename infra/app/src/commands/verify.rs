//! `jangbu verify`: the whole ledger, event by event and block by block.

use std::process::ExitCode;

use super::settings_with_parts;
use crate::cli::{Common, Output};
use crate::lifecycle;

pub(super) async fn verify(common: &Common, output: &Output) -> anyhow::Result<ExitCode> {
    let settings = settings_with_parts(common, Vec::new())?;
    let progress = lifecycle::progress_bar("verifying");
    let store = lifecycle::postgres(&settings).await?;
    let report = jangbu_postgres::verify(&store, |at, head| progress.at(at, head)).await?;
    progress.done();
    store.close().await;
    if output.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        println!("{report}");
    }
    Ok(if report.is_sound() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
