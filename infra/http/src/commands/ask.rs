//! From a request's words to a submission: what a single command and a line of many have in common.

use event_schemas::INTEGER_LIMIT;
use jangbu_runtime::execute::{Origin, Pending, Submission};
use jangbu_runtime::ports::Stream;
use jangbu_runtime::system::UnreadableCommand;
use jangbu_runtime::trace;
use tokio::time::Instant;
use uuid::Uuid;

use crate::catalogue::Named;
use crate::headers::{self, Caller, NAME_BYTES};
use crate::http::Shared;
use crate::problem::*;
use crate::scan;

/// Until real rights come, the one person who may give commands that are for policies. It is written down.
const OPERATOR: &str = "operator";

/// Which command of which aggregate; checked, but for the body.
pub(crate) struct Target<'s> {
    named: &'s Named,
    /// Canonical.
    id: String,
    command: String,
}

/// What a caller may add to a command.
#[derive(Default)]
pub(crate) struct Terms<'r> {
    pub(crate) key: Option<&'r str>,
    pub(crate) expected_version: Option<u64>,
    pub(crate) reason: Option<&'r str>,
}

/// A command under way.
pub(crate) struct Asked {
    pub(crate) stream: Stream,
    pub(crate) command_id: Uuid,
    pub(crate) expected_version: Option<u64>,
    pub(crate) pending: Pending,
}

impl Shared {
    /// Checks what is asked of whom, by whom.
    pub(crate) fn target(
        &self,
        aggregate: &str,
        id: &str,
        command: &str,
        caller: &Caller,
    ) -> Result<Target<'_>, Problem> {
        let named = self.catalogue.aggregate(aggregate)?;
        named.command(command)?;
        let id = read_id(named, id)?;
        if named.kind.is_for_policies(command) && caller.actor.as_str() != OPERATOR {
            return Err(Problem::new(
                &POLICY_ONLY,
                format!(
                    "{aggregate} hears {command} from policies and workers only: nobody else gives it, but for the \
                     actor {OPERATOR} where something has to be mended by hand"
                ),
            ));
        }
        Ok(Target {
            named,
            id,
            command: command.to_owned(),
        })
    }

    /// Reads the body and hands the command over.
    pub(crate) fn ask(
        &self,
        target: Target<'_>,
        body: &[u8],
        terms: &Terms<'_>,
        caller: &Caller,
    ) -> Result<Asked, Problem> {
        let command_id = headers::command_id(terms.key, &*self.http.clock)?;
        let expected_version = expected(terms.expected_version)?;
        let reason = headers::reason(terms.reason)?;
        scan::body(body)?;
        // The parser would take an array for the fields in their order.
        if body.trim_ascii_start().first() == Some(&b'[') {
            let what = "the body is an array: send one JSON object, with the fields by name; /openapi.json has its \
                        shape";
            return Err(Problem::new(&MALFORMED, what));
        }
        let Target { named, id, command } = target;
        let command = named
            .kind
            .read_command(&id, &command, body)
            .map_err(unreadable)?;
        let stream = Stream::new(named.name.clone(), id);
        let traceparent = trace::continued(caller.traceparent.as_deref(), command_id);
        let correlation_id = caller.correlation_id.clone();
        let pending = self.http.execute.submit(Submission {
            stream: stream.clone(),
            command,
            command_id,
            actor: caller.actor.clone(),
            correlation_id: correlation_id.unwrap_or_else(|| command_id.to_string()),
            causation_id: None,
            reason,
            traceparent: Some(traceparent.to_string()),
            expected_version,
            deadline: Instant::now() + self.http.options.command_deadline,
            origin: Origin::Person,
        });
        Ok(Asked {
            stream,
            command_id,
            expected_version,
            pending,
        })
    }
}

fn read_id(named: &Named, text: &str) -> Result<String, Problem> {
    scan::text("the id in the address", text)?;
    if text.is_empty() || text.len() > NAME_BYTES {
        return Err(Problem::new(
            &MALFORMED,
            format!("an id has 1 to {NAME_BYTES} bytes: give a shorter one"),
        ));
    }
    named
        .kind
        .read_id(text)
        .map_err(|why| Problem::new(&MALFORMED, format!("the id of {}: {why}", named.name)))
}

fn expected(version: Option<u64>) -> Result<Option<u64>, Problem> {
    if version.is_some_and(|version| version >= INTEGER_LIMIT) {
        return Err(Problem::new(
            &MALFORMED,
            format!("an expected version is a whole number below {INTEGER_LIMIT}"),
        ));
    }
    Ok(version)
}

/// The schema of every body stands in /openapi.json, so a detail names the field and points there.
fn unreadable(why: UnreadableCommand) -> Problem {
    match why {
        UnreadableCommand::Unknown { aggregate, name } => Problem::new(
            &UNKNOWN_COMMAND,
            format!("{aggregate} has no command {name:?}: /openapi.json lists the commands"),
        ),
        UnreadableCommand::NoJson { message } => Problem::new(
            &MALFORMED,
            format!("the body is no JSON: {message}: send one JSON object"),
        ),
        UnreadableCommand::Malformed { path, message } if path.is_empty() => Problem::new(
            &MALFORMED,
            format!("{message}: /openapi.json has the shape of the body"),
        ),
        UnreadableCommand::Malformed { path, message } => Problem::new(
            &MALFORMED,
            format!("{path}: {message}: /openapi.json has the shape of the body"),
        )
        .with("field", path),
    }
}
