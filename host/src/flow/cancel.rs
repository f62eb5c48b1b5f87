//! The user's wish to stop.

use tokio::sync::watch;

/// Tells whether the user wishes to stop.
#[derive(Clone, Debug)]
pub struct Cancel(watch::Receiver<bool>);

/// Says that the user wishes to stop.
#[derive(Debug)]
pub struct Canceller(watch::Sender<bool>);

/// A wish and who hears of it.
pub fn cancellation() -> (Canceller, Cancel) {
    let (sender, receiver) = watch::channel(false);
    (Canceller(sender), Cancel(receiver))
}

impl Canceller {
    /// Everything is to stop as soon as it can without leaving something behind.
    pub fn cancel(&self) {
        self.0.send_replace(true);
    }
}

impl Cancel {
    /// Returns once the user wishes to stop; never, if that cannot happen any more.
    pub async fn requested(&self) {
        let mut receiver = self.0.clone();
        if receiver.wait_for(|wished| *wished).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Whether the user wishes to stop.
    pub fn is_requested(&self) -> bool {
        *self.0.borrow()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_wish_reaches_those_who_wait_and_those_who_look_later() {
        let (canceller, cancel) = cancellation();
        assert!(!cancel.is_requested());
        let waiting = tokio::spawn({
            let cancel = cancel.clone();
            async move { cancel.requested().await }
        });
        canceller.cancel();
        waiting.await.expect("it ended");
        assert!(cancel.is_requested());
        cancel.requested().await;
    }
}
