//! The consumer's hot path: records whose documents are plain cases of the event contract become rows of COPY BINARY
//! here. Every other record is left to the Python code, which is the reference and decides what is refused and why.

pub mod canonical;
pub mod document;
pub mod json;
#[cfg(feature = "python")]
mod python;
pub mod row;
pub mod time;
