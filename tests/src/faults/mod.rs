//! What the tests of reliability share: a world to break, the points to break it at, and the table of both.

mod crew;
mod points;
mod table;
mod world;

pub use crew::at_each;
pub use points::{Damage, Point, points};
pub use table::{Count, ROWS, Row, document, tell};
pub use world::{Before, World};
