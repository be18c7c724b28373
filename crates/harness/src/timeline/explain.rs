//! One plain sentence per event.
