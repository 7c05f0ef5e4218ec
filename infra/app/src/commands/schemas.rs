//! `jangbu schemas`: the OpenAPI document, made from the code.

use std::process::ExitCode;

pub(super) fn schemas() -> anyhow::Result<ExitCode> {
    let document = jangbu_http::openapi(&crate::mall::mall());
    println!("{}", serde_json::to_string_pretty(&document)?);
    Ok(ExitCode::SUCCESS)
}
