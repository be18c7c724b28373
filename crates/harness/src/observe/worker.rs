//! A thread of an observer, from its start to its end.

use std::io;
use std::thread::{Builder, JoinHandle, Result};

/// A thread that works until it is told to end, or this is dropped.
pub(crate) struct Worker<T> {
    thread: Option<JoinHandle<T>>,
    tell: Box<dyn Fn() + Send + Sync>,
}

impl<T: Send + 'static> Worker<T> {
    /// Lets a thread of its own do the work; `tell` tells it to end.
    pub fn start(
        work: impl FnOnce() -> T + Send + 'static,
        tell: impl Fn() + Send + Sync + 'static,
    ) -> io::Result<Worker<T>> {
        Ok(Worker {
            thread: Some(Builder::new().spawn(work)?),
            tell: Box::new(tell),
        })
    }
}

impl<T> Worker<T> {
    fn end(&mut self) -> Option<Result<T>> {
        let thread = self.thread.take()?;
        (self.tell)();
        Some(thread.join())
    }
}

impl Worker<io::Result<u64>> {
    /// Ends it: how many packets the kernel had to drop because it did not keep up.
    pub fn stop(&mut self) -> io::Result<u64> {
        let panicked = |_| Err(io::Error::other("the thread that takes packets panicked"));
        self.end().map_or(Ok(0), |ended| ended.unwrap_or_else(panicked))
    }
}

impl<T> Drop for Worker<T> {
    fn drop(&mut self) {
        // Whoever drops it without stopping it does not want what it gives.
        let _ = self.end();
    }
}
