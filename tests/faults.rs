//! Faults on the real parts: whatever is killed, lost or wiped in the middle of a rush, the laws hold afterwards.
//!
//! Each test has a mall of its own; those that kill servers have servers of their own. One runs at a time: a rush takes
//! all the machine has, and a test that is starved proves nothing.

mod faults {
    mod alone;

    mod processes;
    mod servers;
    mod two_processes;
    mod lost_answers;
    mod topics;
}
