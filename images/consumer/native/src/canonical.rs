//! Properties in the one form that a fingerprint is taken of: members sorted by name, no blanks, numbers and texts as
//! msgspec writes them.

use crate::json::{Number, Reader};
use std::ops::Range;

/// Deeper documents are left to Python, which knows the limit.
const MAX_NESTING: usize = 32;
/// Decimals of so many digits survive the way to a double and back, so their shortest form is the one they have.
const SAFE_DIGITS: usize = 15;
const SAFE_INTEGER_DIGITS: usize = 18;

/// What the fingerprint covers of a document's properties, in buffers that are used again for the next one.
#[derive(Default)]
pub struct Canonical {
    out: Vec<u8>,
    unsorted: Vec<u8>,
    members: Vec<Member>,
    created_at: Option<Vec<u8>>,
}

struct Member {
    name: Range<usize>,
    whole: Range<usize>,
}

impl Canonical {
    /// The properties without what does not count; `null` where nothing is left of them.
    pub fn text(&self) -> &[u8] {
        if matches!(self.out.as_slice(), b"" | b"{}") {
            b"null"
        } else {
            &self.out
        }
    }

    /// The client's own time, which counts instead of a corrected one.
    pub fn created_at(&self) -> Option<&[u8]> {
        self.created_at.as_deref()
    }

    pub fn clear(&mut self) {
        self.out.clear();
        self.members.clear();
        self.created_at = None;
    }

    /// Reads the object of properties that comes next; of its context, the names in `left_out` do not count.
    pub fn read_properties(&mut self, reader: &mut Reader, left_out: &[Vec<u8>]) -> Option<()> {
        self.clear();
        let mut had_context = false;
        self.object(reader, 1, |this, reader, name| {
            // The search for repeated names does not see a context that was left out.
            if name == b"context" && std::mem::replace(&mut had_context, true) {
                return None;
            }
            if name == b"context" && reader.peek()? == b'{' {
                let start = this.out.len();
                this.context(reader, left_out)?;
                return Some(this.out.get(start..)? != b"{}");
            }
            this.value(reader, 2).map(|()| true)
        })
    }

    fn context(&mut self, reader: &mut Reader, left_out: &[Vec<u8>]) -> Option<()> {
        self.object(reader, 2, |this, reader, name| {
            let start = this.out.len();
            this.value(reader, 3)?;
            if name == b"created_at" {
                this.created_at = Some(this.out.get(start..)?.to_vec());
            }
            Some(!left_out.iter().any(|one| one == name))
        })
    }

    fn value(&mut self, reader: &mut Reader, level: usize) -> Option<()> {
        match reader.peek()? {
            b'{' => self.object(reader, level, |this, reader, _| {
                this.value(reader, level + 1).map(|()| true)
            }),
            b'[' => self.list(reader, level),
            b'"' => reader.string()?.write_canonical(&mut self.out),
            b't' => self.literal(reader, "true"),
            b'f' => self.literal(reader, "false"),
            b'n' => self.literal(reader, "null"),
            _ => write_number(reader.number()?, &mut self.out),
        }
    }

    fn literal(&mut self, reader: &mut Reader, word: &str) -> Option<()> {
        reader.literal(word)?;
        self.out.extend_from_slice(word.as_bytes());
        Some(())
    }

    fn list(&mut self, reader: &mut Reader, level: usize) -> Option<()> {
        if level > MAX_NESTING {
            return None;
        }
        reader.expect(b'[')?;
        self.out.push(b'[');
        if !reader.took(b']') {
            loop {
                self.value(reader, level + 1)?;
                if !reader.took(b',') {
                    break;
                }
                self.out.push(b',');
            }
            reader.expect(b']')?;
        }
        self.out.push(b']');
        Some(())
    }

    /// An object; `read` writes the value of the member of this name and says whether the member counts.
    fn object(
        &mut self,
        reader: &mut Reader,
        level: usize,
        mut read: impl FnMut(&mut Self, &mut Reader, &[u8]) -> Option<bool>,
    ) -> Option<()> {
        if level > MAX_NESTING {
            return None;
        }
        let first = self.members.len();
        reader.expect(b'{')?;
        self.out.push(b'{');
        let inside = self.out.len();
        if !reader.took(b'}') {
            loop {
                let start = self.out.len();
                let name = reader.name()?;
                self.out.push(b'"');
                self.out.extend_from_slice(name);
                self.out.extend_from_slice(b"\":");
                let counts = read(self, reader, name)?;
                if counts {
                    self.out.push(b',');
                    self.members.push(Member {
                        name: start + 1..start + 1 + name.len(),
                        whole: start..self.out.len(),
                    });
                } else {
                    self.out.truncate(start);
                }
                if !reader.took(b',') {
                    break;
                }
            }
            reader.expect(b'}')?;
        }
        self.sort(first, inside)?;
        if self.out.len() > inside {
            self.out.pop();
        }
        self.out.push(b'}');
        Some(())
    }

    /// Puts the members from `first` on in order of their names; they lie in `out` from `inside` on. `None` where a
    /// name is there twice.
    fn sort(&mut self, first: usize, inside: usize) -> Option<()> {
        let out = &self.out;
        let members = self.members.get_mut(first..)?;
        let in_order =
            |left: &Member, right: &Member| out[left.name.clone()] < out[right.name.clone()];
        if !members.is_sorted_by(in_order) {
            members.sort_unstable_by(|left, right| {
                out[left.name.clone()].cmp(&out[right.name.clone()])
            });
            if !members.is_sorted_by(in_order) {
                return None;
            }
            self.unsorted.clear();
            self.unsorted.extend_from_slice(&self.out[inside..]);
            self.out.truncate(inside);
            for member in members {
                let place = member.whole.start - inside..member.whole.end - inside;
                self.out.extend_from_slice(&self.unsorted[place]);
            }
        }
        self.members.truncate(first);
        Some(())
    }
}

/// Appends a number as msgspec writes what it reads of it; `None` where that takes more than moving digits.
fn write_number(number: Number, out: &mut Vec<u8>) -> Option<()> {
    if number.fraction.is_some() {
        return write_decimal(number, out);
    }
    let zero = number.whole == b"0";
    if number.whole.len() > SAFE_INTEGER_DIGITS || (zero && number.negative) {
        return None;
    }
    if number.negative {
        out.push(b'-');
    }
    out.extend_from_slice(number.whole);
    Some(())
}

/// Appends a number as the decimal that it is as a double: at least one digit behind the point, no zeros that say
/// nothing. `None` for what a double may not hold exactly enough, or writes with an exponent.
pub fn write_decimal(number: Number, out: &mut Vec<u8>) -> Option<()> {
    let fraction = number.fraction.unwrap_or_default();
    let kept = fraction.len()
        - fraction
            .iter()
            .rev()
            .take_while(|digit| **digit == b'0')
            .count();
    let fraction = &fraction[..kept];
    if number.whole.len() + fraction.len() > SAFE_DIGITS {
        return None;
    }
    let zero = number.whole == b"0";
    let small = zero && !fraction.is_empty() && fraction.starts_with(b"000");
    if small || (zero && fraction.is_empty() && number.negative) {
        return None;
    }
    if number.negative {
        out.push(b'-');
    }
    out.extend_from_slice(number.whole);
    out.push(b'.');
    out.extend_from_slice(if fraction.is_empty() { b"0" } else { fraction });
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(document: &str) -> Option<(String, Option<String>)> {
        let mut made = Canonical::default();
        let mut reader = Reader::new(document.as_bytes());
        made.read_properties(&mut reader, &[b"ip".to_vec()])?;
        assert!(reader.at_end());
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Some((text(made.text()), made.created_at().map(text)))
    }

    #[test]
    fn members_are_sorted_on_every_level_and_blanks_are_gone() {
        let document = r#" { "b" : [ 1 , { "z" : 1, "a" : "\u00e9\/" } , [ ] , { } ], "a": null, "ab": true }"#;
        let (text, _) = canonical(document).unwrap();
        assert_eq!(
            text,
            r#"{"a":null,"ab":true,"b":[1,{"a":"é/","z":1},[],{}]}"#
        );
        assert_eq!(canonical(r#"{"a\u0062":2}"#), None, "an escape in a name");
    }

    #[test]
    fn what_a_collector_adds_does_not_count_and_its_time_is_told_apart() {
        let (text, created) =
            canonical(r#"{"x":1,"context":{"ip":"1","created_at":"t"}}"#).unwrap();
        assert_eq!(
            (text.as_str(), created.as_deref()),
            (r#"{"context":{"created_at":"t"},"x":1}"#, Some(r#""t""#))
        );
        assert_eq!(
            canonical(r#"{"context":{"ip":{"deep":[]}}}"#).unwrap().0,
            "null"
        );
        assert_eq!(canonical(r#"{"context":{}}"#).unwrap().0, "null");
        assert_eq!(canonical("{}").unwrap().0, "null");
        assert_eq!(
            canonical(r#"{"context":"text","ip":1}"#).unwrap().0,
            r#"{"context":"text","ip":1}"#
        );
    }

    #[test]
    fn repeated_names_and_deep_nesting_are_left_to_python() {
        for document in [
            r#"{"a":1,"a":2}"#.to_owned(),
            r#"{"b":1,"a":1,"b":2}"#.to_owned(),
            r#"{"context":{"created_at":1},"context":{}}"#.to_owned(),
            format!(r#"{{"a":{}{}}}"#, "[".repeat(40), "]".repeat(40)),
            r#"{"a":1"#.to_owned(),
            r#"{"a":1,}"#.to_owned(),
            r#"{"a":[1,]}"#.to_owned(),
        ] {
            assert_eq!(canonical(&document), None, "{document}");
        }
    }

    #[test]
    fn numbers_keep_their_digits() {
        for (number, written) in [
            ("0", Some("0")),
            ("-7", Some("-7")),
            ("0.0", Some("0.0")),
            ("1.50", Some("1.5")),
            ("-2.00", Some("-2.0")),
            ("0.001", Some("0.001")),
            ("0.0001", None),
            ("-0", None),
            ("-0.0", None),
            ("1234567890123.45", Some("1234567890123.45")),
            ("1234567890123.456", None),
            ("1234567890123456789", None),
        ] {
            let found = canonical(&format!(r#"{{"n":{number}}}"#)).map(|(text, _)| text);
            assert_eq!(
                found,
                written.map(|text| format!(r#"{{"n":{text}}}"#)),
                "{number}"
            );
        }
    }
}
