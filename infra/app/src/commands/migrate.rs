//! `jangbu migrate`: tables, functions, roles; an older store of postgres-es is adopted.

use std::process::ExitCode;

use super::settings_with_parts;
use crate::cli::Common;
use crate::lifecycle;

pub(super) async fn migrate(common: &Common) -> anyhow::Result<ExitCode> {
    let settings = settings_with_parts(common, Vec::new())?;
    let migrated = lifecycle::migrate(&settings, None).await?;
    eprintln!(
        "{}: {} migrations applied, {} events adopted",
        migrated.source, migrated.applied, migrated.adopted
    );
    Ok(ExitCode::SUCCESS)
}
