//! `jangbu send`: one command to a running mall, from the shell.

use std::io::Read;
use std::process::ExitCode;

use anyhow::Context;

use crate::cli::SendArgs;

pub(super) async fn send(args: SendArgs) -> anyhow::Result<ExitCode> {
    let mut body = args.body;
    if body == "-" {
        body.clear();
        std::io::stdin()
            .read_to_string(&mut body)
            .context("stdin cannot be read")?;
    }
    let mut url =
        reqwest::Url::parse(&args.to).with_context(|| format!("{:?} is no URL", args.to))?;
    url.path_segments_mut()
        .map_err(|()| anyhow::anyhow!("{:?} cannot bear a path", args.to))?
        .pop_if_empty()
        .extend(["commands", &args.aggregate, &args.id, &args.command]);
    let mut request = reqwest::Client::new()
        .post(url)
        .header("content-type", "application/json")
        .header("actor", args.actor)
        .body(body);
    let headers = [
        ("idempotency-key", args.idempotency_key),
        ("reason", args.reason),
        (
            "expected-version",
            args.expected_version.map(|version| version.to_string()),
        ),
    ];
    for (name, value) in headers {
        if let Some(value) = value {
            request = request.header(name, value);
        }
    }
    let response = request.send().await.context("the mall cannot be reached")?;
    let status = response.status();
    println!("{}", response.text().await.context("the answer broke off")?);
    Ok(if status.is_success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
