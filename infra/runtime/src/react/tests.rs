//! The rules of section 6, each told as a story of bells that are rung and of echoes that answer.

mod bell;
mod bench;
mod hands;

mod assignment;
mod conduct;
mod loss;
mod order;
mod parking;
mod stopping;
mod storm;
