//! Every attack by name. `tests/tests/hostile_table.rs` fails if one of them is in no test.

use crate::Attack;
use crate::{output, resources, script};

pub(crate) const ATTACKS: &[(&str, Attack)] = &[
    ("nothing", resources::nothing),
    ("spin", resources::spin),
    ("fill", resources::fill),
    ("grow", resources::grow),
    ("recurse", resources::recurse),
    ("panic", resources::panic),
    ("trap", resources::trap),
    ("trap-after-create", resources::trap_after_create),
    ("write-forever", resources::write_forever),
    ("digest-forever", resources::digest_forever),
    ("hold-secrets", resources::hold_secrets),
    ("send-forever", resources::send_forever),
    ("send-many-at-once", resources::send_many_at_once),
    ("send-giant-batch", resources::send_giant_batch),
    ("update-forever", resources::update_forever),
    ("update-repeated", resources::update_repeated),
    ("log", output::log),
    ("log-giant", output::log_giant),
    ("error", output::error),
    ("error-giant", output::error_giant),
    ("state-giant", output::state_giant),
    ("endpoint-name", output::endpoint_name),
    ("pending", output::pending),
    ("script", script::run),
];
