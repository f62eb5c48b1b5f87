//! What a CA finds when it comes to look: a port of its own, a file in a web server's folder, a certificate.

pub mod port_holder;

pub mod listener;

pub mod http;

pub mod tls;

pub mod webroot;

pub use http::serve_tokens;
pub use listener::{ListenError, Server};
pub use port_holder::{PortHolder, port_holder};
pub use tls::{Shown, TlsServeError, serve_validation_certificates};
pub use webroot::{TokenFile, WebrootError};
