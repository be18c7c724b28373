//! Tables for Markdown pages.
