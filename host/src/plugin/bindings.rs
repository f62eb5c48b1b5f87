//! What wasmtime makes of `wit/`; nothing else stands here.
#![allow(missing_docs, unreachable_pub, clippy::all, reason = "generated code")]

wasmtime::component::bindgen!({
    path: "../wit",
    world: "provider",
    imports: {
        "acmite:provider/http": async | trappable,
        "acmite:provider/dns-update": async | trappable,
        default: trappable,
    },
    exports: { default: async },
    additional_derives: [Clone],
});
