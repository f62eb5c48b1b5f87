//! Nonces: each is good for one request (RFC 8555 section 6.5).

use std::collections::{HashSet, VecDeque};

use super::problem::Problem;

#[derive(Debug)]
pub(super) struct Nonces {
    good: HashSet<String>,
    order: VecDeque<String>,
    refused_percent: u8,
}

impl Nonces {
    pub(super) fn new(refused_percent: u8) -> Self {
        Self { good: HashSet::new(), order: VecDeque::new(), refused_percent }
    }

    /// A fresh nonce, base64url.
    pub(super) fn issue(&mut self) -> String {
        let nonce = random_id();
        self.good.insert(nonce.clone());
        self.order.push_back(nonce.clone());
        while self.order.len() > NONCES_KEPT {
            let oldest = self.order.pop_front().expect("the queue is longer than the limit");
            self.good.remove(&oldest);
        }
        nonce
    }

    /// Takes the nonce out, so that it is refused the next time.
    pub(super) fn spend(&mut self, nonce: &str) -> Result<(), Problem> {
        if !self.good.remove(nonce) {
            return Err(Problem::bad_nonce("the nonce was not issued here, or was used before"));
        }
        if random_percent() < self.refused_percent {
            return Err(Problem::bad_nonce("the nonce is refused at random, as the lab was told to"));
        }
        Ok(())
    }
}

/// Older ones are forgotten, as at a real CA.
const NONCES_KEPT: usize = 10_000;

/// 128 random bits, base64url.
pub(super) fn random_id() -> String {
    data_encoding::BASE64URL_NOPAD.encode(&random::<16>())
}

pub(super) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).expect("aws-lc ends the process itself when the system has no randomness");
    bytes
}

/// 0 to 99. Bytes past the last whole hundred are drawn again, so that all are equally likely.
fn random_percent() -> u8 {
    loop {
        let [byte] = random::<1>();
        if byte < 200 {
            return byte % 100;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_is_good_once() {
        let mut nonces = Nonces::new(0);
        let nonce = nonces.issue();
        assert_eq!(nonces.spend(&nonce), Ok(()));
        assert_eq!(nonces.spend(&nonce).expect_err("refused").kind, "badNonce");
    }

    #[test]
    fn the_share_refused_is_about_the_one_asked_for() {
        let mut nonces = Nonces::new(50);
        let refused = (0..1000).filter(|_| {
            let nonce = nonces.issue();
            nonces.spend(&nonce).is_err()
        });
        // Eleven standard deviations either side.
        assert!((325..675).contains(&refused.count()));
    }

    #[test]
    fn the_oldest_nonces_are_forgotten() {
        let mut nonces = Nonces::new(0);
        let first = nonces.issue();
        for _ in 0..NONCES_KEPT {
            nonces.issue();
        }
        assert!(nonces.spend(&first).is_err());
    }
}
