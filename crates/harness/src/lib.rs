//! Harness.
pub mod format;
pub mod timeline;
