//! What a Rust provider for acmite is written with.
//!
//! A provider implements [`Provider`] and names it in [`export!`]:
//!
//! ```ignore
//! struct Quillzone;
//! impl acmite_sdk::Provider for Quillzone { /* present, cleanup, check */ }
//! acmite_sdk::export!(Quillzone);
//! ```

#[doc(hidden)]
pub mod bindings;
pub mod http;
pub mod txt;

pub use bindings::acmite::provider::dns_update;
pub use bindings::acmite::provider::log::{Level, write as log};
pub use bindings::acmite::provider::types::{Context, Error, ErrorKind, Settlement, Txt};

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

/// An error of this kind with one line of text.
pub fn error(kind: ErrorKind, message: impl Into<String>) -> Error {
    Error { kind, code: String::new(), message: message.into(), status: None, retry_after: None, hint: None }
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
        struct Exported;

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
