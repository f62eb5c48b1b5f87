//! What wit-bindgen makes of `wit/`; nothing else stands here.
#![allow(missing_docs, unreachable_pub, clippy::all, reason = "generated code")]

wit_bindgen::generate!({
    path: "../../wit",
    world: "provider",
    pub_export_macro: true,
    export_macro_name: "export",
});
