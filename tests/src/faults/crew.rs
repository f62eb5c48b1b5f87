//! Many small trials, some side by side, each hand in a world of its own.

use std::sync::{Mutex, PoisonError};

use super::world::World;

/// Tries every item; a hand keeps its world from one to the next. Gives what the trials gave, in the items' order.
///
/// # Panics
/// If a trial does.
pub fn at_each<T: Sync, R: Send>(items: &[T], trial: impl Fn(&World, &T) -> R + Sync) -> Vec<R> {
    let next = Mutex::new(items.iter().enumerate());
    let done = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..HANDS.min(items.len()) {
            scope.spawn(|| {
                let world = World::start();
                while let Some((number, item)) = take(&next) {
                    let result = trial(&world, item);
                    done.lock().unwrap_or_else(PoisonError::into_inner).push((number, result));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(number, _)| *number);
    done.into_iter().map(|(_, result)| result).collect()
}

fn take<I: Iterator>(items: &Mutex<I>) -> Option<I::Item> {
    items.lock().unwrap_or_else(PoisonError::into_inner).next()
}

/// A trial waits more than it works.
const HANDS: usize = 4;
