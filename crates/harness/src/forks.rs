//! Keeps forks and the closing of sockets apart.
//!
//! A child has copies of all our descriptors until it executes its program, which closes them. A
//! socket that is closed meanwhile stays open in the child, and its FIN waits for that.

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

static FORKS: RwLock<()> = RwLock::new(());

/// To be held from before a fork until the child has executed a program, or closed what it has.
pub(crate) fn under_way() -> RwLockReadGuard<'static, ()> {
    FORKS.read().unwrap_or_else(PoisonError::into_inner)
}

/// Waits until no fork is under way, and keeps off others.
pub(crate) fn none() -> RwLockWriteGuard<'static, ()> {
    FORKS.write().unwrap_or_else(PoisonError::into_inner)
}
