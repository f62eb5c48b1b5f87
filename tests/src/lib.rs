//! What the tests share: the built acmite, providers built to components, and real servers on loopback.

pub mod netns;
pub mod plugins;
pub mod process;
pub mod written;

pub mod http;
pub mod tls;

pub mod name_server;

pub mod bind;
pub mod knot;
pub mod powerdns;
pub mod unbound;

pub mod pebble;
pub mod step_ca;

pub mod leak;
pub mod openssl;
pub mod proxy;

pub mod acmite;

pub mod scene;
pub mod soak;

pub mod foreign;
pub mod nginx;

pub mod ward;

pub mod openapi;

pub mod conformance;

pub mod moto;
pub mod oracle;

pub mod hostile;

pub mod faults;

pub mod bench;
