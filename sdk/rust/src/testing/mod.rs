//! Tests of a provider's own logic without a sandbox: a script of what it asks and what it is answered.
//!
//! A [`Recording`] lists the requests in the order they must come, each with its reply, most often a file under
//! `fixtures/` as the API really sent it. A request that differs in anything (endpoint, path variable, query, header,
//! body, injection), one more than scripted and one that never came fail the test. There is no manifest here: what it
//! allows is tested with the built component.
//!
//! ```
//! use acmite_sdk::{http, testing::Recording};
//!
//! let ran = Recording::new()
//!     .reply("zones", 200, r#"{"zones": ["example.com"]}"#)
//!     .query("name", "example.com")
//!     .run(|| http::request("zones").query("name", "example.com").send()?.json::<serde_json::Value>());
//! assert_eq!(ran.result.expect("a reply")["zones"][0], "example.com");
//! ```

mod compute;
mod recording;
mod script;

pub(crate) use script::host;

pub use recording::{Ran, Recording, context, txt};

/// The time of every call, in Unix seconds.
const NOW: u64 = 1_795_521_600;
