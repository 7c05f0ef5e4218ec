//! Journeys through the mall on the real parts, as people outside see it: over HTTP, in Kafka, and in the ledger.

mod journeys {
    mod orders;
    mod bad_input;
    mod strangers;
    mod ledger;
}
