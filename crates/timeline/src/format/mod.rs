//! How a timeline is shown. Pure: text and bytes in, text and bytes out.

mod fit;
pub mod follow;
pub mod html;
pub mod json;
pub mod line;
pub mod markdown;
pub mod markup;
pub mod overview;
pub mod pcapng;
mod rows;
pub mod svg;
pub mod text;
