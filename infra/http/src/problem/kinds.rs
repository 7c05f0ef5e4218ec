//! Every kind of problem that is not an aggregate's own.

use axum::http::StatusCode;

/// A kind of problem: its stable type, its status, and what it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProblemKind {
    /// The stable `type`.
    pub name: &'static str,
    /// The HTTP status that goes with it, always the same.
    pub code: u16,
    /// The same for every problem of this kind.
    pub title: &'static str,
    /// Asking again later, unchanged, can help.
    pub retry: bool,
}

impl ProblemKind {
    /// The HTTP status that goes with it.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.code).expect("the codes below are HTTP's")
    }
}

macro_rules! kinds {
    ($($kind:ident $name:literal $code:literal $(+ $retry:ident)? $title:literal;)+) => {
        $(
            pub(crate) const $kind: ProblemKind = ProblemKind {
                name: $name,
                code: $code,
                title: $title,
                retry: kinds!(@ $($retry)?),
            };
        )+

        /// All of them.
        pub const ALL: &[ProblemKind] = &[$($kind),+];
    };
    (@ retry) => { true };
    (@) => { false };
}

kinds! {
    MALFORMED "malformed" 400 "the request cannot be read";
    ACTOR_RESERVED "actor_reserved" 400 "the actor's name is reserved";
    UNKNOWN_PARAMETER "unknown_parameter" 400 "there is no such query parameter";
    UNKNOWN_COLUMN "unknown_column" 400 "the view has no such column";
    UNKNOWN_EVENT "unknown_event" 400 "there is no such kind of event";
    POSITION_BEYOND_HEAD "position_beyond_head" 400 "the store does not reach that far";
    REFUSED_AS_DATA "refused_as_data" 400 "the store will never take these bytes";
    POLICY_ONLY "policy_only" 403 "only policies give this command";
    UNKNOWN_ROUTE "unknown_route" 404 "there is nothing at this address";
    UNKNOWN_AGGREGATE "unknown_aggregate" 404 "there is no such aggregate";
    UNKNOWN_COMMAND "unknown_command" 404 "the aggregate has no such command";
    UNKNOWN_VIEW "unknown_view" 404 "there is no such view";
    UNKNOWN_KEY "unknown_key" 404 "the view has no such document";
    UNKNOWN_POSITION "unknown_position" 404 "there is no event at that position";
    METHOD_NOT_ALLOWED "method_not_allowed" 405 "this address does not know the method";
    NOT_ACCEPTABLE "not_acceptable" 406 "none of the accepted content types can be given";
    TOO_SLOW "too_slow" 408 "the request's body did not arrive in time";
    COMMAND_ID_REUSED "command_id_reused" 409 "the command id was used before for something else";
    VERSION_MISMATCH "version_mismatch" 412 "the aggregate does not stand at the expected version";
    TOO_LARGE "too_large" 413 "the request is too large";
    UNSUPPORTED_MEDIA_TYPE "unsupported_media_type" 415 "the body's content type is not taken here";
    INTERNAL "internal" 500 "something is broken here";
    OVERLOADED "overloaded" 503 + retry "too much is waiting";
    LATE "late" 503 + retry "the command's turn did not come in time";
    UNAVAILABLE "unavailable" 503 + retry "the store cannot be reached";
    OUTCOME_UNKNOWN "outcome_unknown" 503 + retry "it is not known whether the command was carried out";
    SHUTTING_DOWN "shutting_down" 503 + retry "this process is shutting down";
    NOT_READY "not_ready" 503 + retry "this process cannot serve just now";
    VIEW_BUILDING "view_building" 503 + retry "the view is being built for the first time";
    HISTORY_FORKED "history_forked" 503 "the store's history was changed under us";
    VIEW_BEHIND "view_behind" 504 "the view does not reach that far yet";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_kind_has_a_name_of_its_own_and_the_status_of_an_error() {
        let names: BTreeSet<_> = ALL.iter().map(|kind| kind.name).collect();
        assert_eq!(names.len(), ALL.len());
        for kind in ALL {
            assert!(kind.status().is_client_error() || kind.status().is_server_error());
        }
    }
}
