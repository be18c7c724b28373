//! Goes through a frame from its first bit to its last, and gives each bit to one field.

use super::field::{Field, Layer, Name};
use super::names::{CUT, NOT_DECODED};

pub(super) struct Reader<'a> {
    frame: &'a [u8],
    /// The next bit to give to a field.
    at: usize,
    pub layer: Layer,
    fields: Vec<Field>,
}

impl<'a> Reader<'a> {
    pub fn new(frame: &'a [u8]) -> Reader<'a> {
        Reader {
            frame,
            at: 0,
            layer: Layer::Link,
            fields: Vec::new(),
        }
    }

    pub fn frame(&self) -> &'a [u8] {
        self.frame
    }

    /// The next byte. Fields of whole bytes begin at one.
    pub fn position(&self) -> usize {
        self.at / 8
    }

    /// The bytes that no field has yet.
    pub fn rest(&self) -> &'a [u8] {
        self.frame.get(self.position()..).unwrap_or_default()
    }

    /// The next bits as a number, of at most 64. `None` if the frame ends before: what is left of it is the field
    /// that was cut.
    pub fn number(&mut self, name: &'static Name, bits: usize) -> Option<u64> {
        let end = self.at + bits;
        if end > self.frame.len() * 8 {
            self.cut(name);
            return None;
        }
        let bit = |at: usize| u64::from(self.frame[at / 8] >> (7 - at % 8) & 1);
        let value = (self.at..end).fold(0, |value, at| value << 1 | bit(at));
        self.push(name, end, value.to_string(), None);
        Some(value)
    }

    /// A number whose value is also said in words.
    pub fn said<W>(&mut self, name: &'static Name, bits: usize, words: impl FnOnce(u64) -> W) -> Option<u64>
    where
        W: Into<String>,
    {
        let value = self.number(name, bits)?;
        self.say(words(value));
        Some(value)
    }

    /// A number that is written as one in hexadecimal.
    pub fn hex(&mut self, name: &'static Name, bits: usize) -> Option<u64> {
        let value = self.number(name, bits)?;
        self.write(format!("0x{value:0width$x}", width = bits.div_ceil(4)));
        Some(value)
    }

    /// The next bytes as one field. Where the frame ends before, the field is what there is.
    pub fn bytes(&mut self, name: &'static Name, count: usize) -> Option<&'a [u8]> {
        let bytes = self.rest().get(..count);
        let Some(bytes) = bytes else {
            self.cut(name);
            return None;
        };
        if count > 0 {
            self.push(name, self.at + count * 8, hexadecimal(bytes), None);
        }
        Some(bytes)
    }

    /// Writes the value of the field that was read last in another way.
    pub fn write(&mut self, value: String) {
        if let Some(field) = self.fields.last_mut() {
            field.value = value;
        }
    }

    /// Says the value of the field that was read last in words.
    pub fn say(&mut self, words: impl Into<String>) {
        if let Some(field) = self.fields.last_mut() {
            field.words = Some(words.into());
        }
    }

    /// What is left of the frame belongs to a field that would be longer.
    fn cut(&mut self, name: &'static Name) {
        let end = self.frame.len() * 8;
        if self.at < end {
            let rest = hexadecimal(self.rest());
            let words = format!("the frame ends inside the field {}", name.name);
            self.push(&CUT, end, rest, Some(words));
        }
    }

    fn push(&mut self, name: &'static Name, end: usize, value: String, words: Option<String>) {
        self.fields.push(Field {
            layer: self.layer,
            name,
            bits: self.at..end,
            value,
            words,
        });
        self.at = end;
    }

    /// All fields. What nobody took is one of them.
    pub fn finish(mut self) -> Vec<Field> {
        let end = self.frame.len() * 8;
        if self.at < end {
            self.layer = Layer::Rest;
            let rest = hexadecimal(self.rest());
            self.push(&NOT_DECODED, end, rest, None);
        }
        self.fields
    }
}

/// So many bytes are written out in hexadecimal. The frame itself has them all.
const WRITTEN: usize = 16;

pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    let shown = &bytes[..bytes.len().min(WRITTEN)];
    let pairs: Vec<String> = shown.iter().map(|byte| format!("{byte:02x}")).collect();
    let more = if shown.len() < bytes.len() { " ..." } else { "" };
    pairs.join(" ") + more
}
