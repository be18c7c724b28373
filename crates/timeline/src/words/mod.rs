//! What to say: a sentence for each event, which says what the [facts](crate::facts) say and no more.

mod calls;
mod events;
mod frames;
mod packets;

pub use calls::{action_text, call_text, call_text_within};
pub(crate) use calls::{data_text, whole_call};
pub use events::{NO_STRICT_MODE, explain_event, explain_state};
pub(crate) use frames::process_forms;
pub use frames::{call_words, client_words, process_words, state_words};
pub use packets::*;
pub(crate) use packets::{amount, are_left_out, whole_milliseconds};
