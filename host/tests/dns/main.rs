//! Zone search and propagation against the lab's name servers, and servers scripted to misbehave.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod encrypted;
mod propagation;
mod target;
mod transport;
mod validation;
mod world;
