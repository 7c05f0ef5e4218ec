//! `jangbu config`: the effective configuration, and where each value comes from.

use std::process::ExitCode;

use super::table;
use crate::cli::{Common, Output};
use crate::config::{self, Origin};

pub(super) fn show(common: &Common, output: &Output) -> anyhow::Result<ExitCode> {
    let (_, shown) = config::read(common.config.clone(), &common.flags())?;
    if output.json {
        println!("{}", serde_json::to_string_pretty(&shown)?);
        return Ok(ExitCode::SUCCESS);
    }
    let rows = shown.into_iter().map(|setting| {
        let origin = match setting.origin {
            Origin::Default => "default".to_owned(),
            Origin::File(path) => path,
            Origin::Environment => "environment".to_owned(),
            Origin::Flag => "flag".to_owned(),
        };
        [setting.key, setting.value, origin]
    });
    println!("{}", table::table(["setting", "value", "from"], rows));
    Ok(ExitCode::SUCCESS)
}
