//! What systemd is told (sd_notify(3)); without systemd, nobody.

use std::convert::Infallible;
use std::future::pending;
use std::sync::Once;
use std::time::Duration;

use sd_notify::NotifyState;

/// Tells that all is set up.
pub(super) fn ready() {
    tell(&[NotifyState::Ready]);
}

/// Tells that the configuration is read again; [`ready`] ends it.
pub(super) fn reloading() {
    let now = NotifyState::monotonic_usec_now();
    tell(&[NotifyState::Reloading].into_iter().chain(now.ok()).collect::<Vec<_>>());
}

/// Tells that the end has begun, once.
pub(super) fn stopping() {
    static TOLD: Once = Once::new();
    TOLD.call_once(|| tell(&[NotifyState::Stopping]));
}

/// What `systemctl status` shows.
pub(super) fn status(text: &str) {
    tell(&[NotifyState::Status(&text.replace('\n', " "))]);
}

/// Tells again and again that this thread still gets its turn, where systemd wishes to know.
pub(super) async fn keep_alive() -> Infallible {
    let Some(limit) = sd_notify::watchdog_enabled() else { return pending().await };
    loop {
        tell(&[NotifyState::Watchdog]);
        tokio::time::sleep((limit / 3).max(SHORTEST_PAUSE)).await;
    }
}

const SHORTEST_PAUSE: Duration = Duration::from_millis(100);

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "systemd could not be told");
    }
}
