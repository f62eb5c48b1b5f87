//! What a Rust provider for acmite is written with.
//!
//! A provider publishes and removes `_acme-challenge` TXT records at one DNS provider. It is a crate with
//! `crate-type = ["cdylib"]`, a `plugin.toml` that lists all it may do, and a type that implements [`Provider`] and
//! is named in [`export!`]. `docs/writing-a-provider.md` in the repository tells the whole way; this is a whole small
//! provider, for an API with one record a value, and its test:
//!
//! ```
//! use acmite_sdk::testing::{Recording, context, txt};
//! use acmite_sdk::{Context, Error, Provider, Txt, http, zone};
//! use serde::{Deserialize, Serialize};
//!
//! /// `plugin.toml` places the token: `secrets = { "header:authorization" = "Bearer {api_token}" }`.
//! struct Quillzone;
//!
//! #[derive(Deserialize)]
//! struct Record { id: String, label: String, text: String }
//!
//! #[derive(Serialize)]
//! struct New<'a> { r#type: &'a str, label: &'a str, text: &'a str, ttl: u32 }
//!
//! fn records(context: &Context) -> Result<Vec<Record>, Error> {
//!     http::request("records").path("zone", &context.zone).send()?.json()
//! }
//!
//! fn is(record: &Record, txt: &Txt, zone: &str) -> bool {
//!     zone::relative(&txt.name, zone) == Some(record.label.as_str()) && record.text == txt.value
//! }
//!
//! impl Provider for Quillzone {
//!     fn present(context: &Context, wanted: &[Txt]) -> Result<Vec<u8>, Error> {
//!         let there = records(context)?;
//!         let missing = wanted.iter().filter(|txt| !there.iter().any(|record| is(record, txt, &context.zone)));
//!         let create = |txt: &Txt| {
//!             let label = zone::relative(&txt.name, &context.zone).unwrap_or_default();
//!             let new = New { r#type: "TXT", label, text: &txt.value, ttl: context.ttl };
//!             http::request("create").path("zone", &context.zone).json(&new)
//!         };
//!         for reply in http::send_all(missing.map(create).collect()) {
//!             reply?.ok()?;
//!         }
//!         Ok(Vec::new())
//!     }
//!
//!     fn cleanup(context: &Context, unwanted: &[Txt], _state: &[u8]) -> Result<(), Error> {
//!         let there = records(context)?;
//!         let ours = there.iter().filter(|record| unwanted.iter().any(|txt| is(record, txt, &context.zone)));
//!         let delete = |record: &Record| {
//!             http::request("delete").path("zone", &context.zone).path("record", &record.id)
//!         };
//!         http::send_all(ours.map(delete).collect()).into_iter().try_for_each(|reply| reply?.ok().map(|_| ()))
//!     }
//!
//!     fn check(context: &Context) -> Result<(), Error> {
//!         if context.zone.is_empty() { Ok(()) } else { records(context).map(|_| ()) }
//!     }
//! }
//!
//! acmite_sdk::export!(Quillzone);
//!
//! // A test: what the API sent once, and the requests that must come.
//! let foreign = r#"[{"id": "1", "label": "_acme-challenge", "text": "foreign"}]"#;
//! let new = serde_json::json!({"type": "TXT", "label": "_acme-challenge", "text": "value", "ttl": 60});
//! Recording::new()
//!     .reply("records", 200, foreign).path("zone", "example.com")
//!     .reply("create", 201, "").path("zone", "example.com").json(new)
//!     .run(|| Quillzone::present(&context("example.com", &[]), &[txt("_acme-challenge.example.com", "value")]))
//!     .result
//!     .expect("published");
//! ```

#[doc(hidden)]
pub mod bindings;
pub mod dns_update;
mod error;
mod host;
pub mod http;
pub mod secret;
pub mod sign;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;
pub mod txt;
pub mod xml;
pub mod zone;

pub use bindings::acmite::provider::log::Level;
pub use bindings::acmite::provider::types::{Context, Error, ErrorKind, Pair, Part, Settlement, Txt};
pub use error::{error, kind_of};

/// A DNS provider. Each method is one call in an instance of its own; the contract stands in `wit/provider.wit`.
pub trait Provider {
    /// Makes every record exist and leaves all else as it was; gives at most 4,096 bytes to be handed to `cleanup`.
    fn present(context: &Context, records: &[Txt]) -> Result<Vec<u8>, Error>;

    /// Whether the provider's name servers have what `present` published.
    fn settled(_context: &Context, _records: &[Txt], _state: &[u8]) -> Result<Settlement, Error> {
        Ok(Settlement::Done)
    }

    /// Removes exactly these values; an absent one is success.
    fn cleanup(context: &Context, records: &[Txt], state: &[u8]) -> Result<(), Error>;

    /// Tells whether settings and credential work.
    fn check(context: &Context) -> Result<(), Error>;
}

/// The value of a plain setting, if it has one.
pub fn setting<'a>(context: &'a Context, name: &str) -> Option<&'a str> {
    context.settings.iter().find(|pair| pair.name == name).map(|pair| pair.value.as_str())
}

/// A line for the user's log.
pub fn log(level: Level, message: &str) {
    host::write(level, message);
}

#[doc(hidden)]
pub mod exported {
    pub use crate::bindings::exports::acmite::provider::plugin::Guest;

    /// Tells the host where a panic was before it becomes a trap.
    pub fn report_panics() {
        std::panic::set_hook(Box::new(|info| crate::log(crate::Level::Warn, &info.to_string())));
    }
}

/// Makes a type that implements [`Provider`] the component's `plugin` export.
#[macro_export]
macro_rules! export {
    ($provider:ty) => {
        #[doc(hidden)]
        pub struct Exported;

        impl $crate::exported::Guest for Exported {
            fn present(
                context: $crate::Context,
                records: Vec<$crate::Txt>,
            ) -> Result<Vec<u8>, $crate::Error> {
                $crate::exported::report_panics();
                <$provider as $crate::Provider>::present(&context, &records)
            }

            fn settled(
                context: $crate::Context,
                records: Vec<$crate::Txt>,
                state: Vec<u8>,
            ) -> Result<$crate::Settlement, $crate::Error> {
                $crate::exported::report_panics();
                <$provider as $crate::Provider>::settled(&context, &records, &state)
            }

            fn cleanup(
                context: $crate::Context,
                records: Vec<$crate::Txt>,
                state: Vec<u8>,
            ) -> Result<(), $crate::Error> {
                $crate::exported::report_panics();
                <$provider as $crate::Provider>::cleanup(&context, &records, &state)
            }

            fn check(context: $crate::Context) -> Result<(), $crate::Error> {
                $crate::exported::report_panics();
                <$provider as $crate::Provider>::check(&context)
            }
        }

        #[cfg(target_arch = "wasm32")]
        $crate::bindings::export!(Exported with_types_in $crate::bindings);
    };
}
