//! A strict JSON reader over bytes that are known to be UTF-8. It reads the plain cases: whatever is wrong or merely
//! unusual gives `None`, and Python judges it.

use std::borrow::Cow;

/// Where a reader stands in a document.
pub struct Reader<'a> {
    text: &'a [u8],
    at: usize,
}

/// A string as it stands between its quotes.
#[derive(Clone, Copy)]
pub struct Text<'a> {
    raw: &'a [u8],
    escaped: bool,
}

/// A number without an exponent, by its digits.
#[derive(Clone, Copy)]
pub struct Number<'a> {
    pub negative: bool,
    pub whole: &'a [u8],
    /// `None` for an integer.
    pub fraction: Option<&'a [u8]>,
}

impl<'a> Reader<'a> {
    pub fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0 }
    }

    /// The next byte that is no blank; it stays the next one.
    pub fn peek(&mut self) -> Option<u8> {
        while let Some(&byte) = self.text.get(self.at) {
            if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                return Some(byte);
            }
            self.at += 1;
        }
        None
    }

    /// Steps over `byte`, which must come next.
    pub fn expect(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    /// Steps over `byte` if it comes next.
    pub fn took(&mut self, byte: u8) -> bool {
        self.expect(byte).is_some()
    }

    /// Steps over a literal that must come next.
    pub fn literal(&mut self, word: &str) -> Option<()> {
        self.peek()?;
        self.text
            .get(self.at..)?
            .starts_with(word.as_bytes())
            .then(|| self.at += word.len())
    }

    /// `None` inside for `null`, otherwise what `read` makes of the value.
    pub fn nullable<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<Option<T>> {
        if self.peek()? == b'n' {
            self.literal("null")?;
            return Some(None);
        }
        read(self).map(Some)
    }

    pub fn boolean(&mut self) -> Option<bool> {
        if self.peek()? == b't' {
            self.literal("true").map(|()| true)
        } else {
            self.literal("false").map(|()| false)
        }
    }

    pub fn string(&mut self) -> Option<Text<'a>> {
        self.expect(b'"')?;
        let start = self.at;
        let mut escaped = false;
        loop {
            match *self.text.get(self.at)? {
                b'"' => break,
                b'\\' => {
                    escaped = true;
                    self.at += 2;
                }
                0..=0x1f => return None,
                _ => self.at += 1,
            }
        }
        let raw = self.text.get(start..self.at)?;
        self.at += 1;
        Some(Text { raw, escaped })
    }

    /// The name of a member and its colon; names with escapes are not plain.
    pub fn name(&mut self) -> Option<&'a [u8]> {
        let name = self.string()?.plain()?;
        self.expect(b':')?;
        Some(name)
    }

    pub fn number(&mut self) -> Option<Number<'a>> {
        let negative = self.took(b'-');
        let whole = self.digits()?;
        if whole.len() > 1 && whole[0] == b'0' {
            return None;
        }
        let fraction = if self.text.get(self.at) == Some(&b'.') {
            self.at += 1;
            Some(self.digits()?)
        } else {
            None
        };
        if matches!(self.text.get(self.at), Some(b'e' | b'E')) {
            return None;
        }
        Some(Number {
            negative,
            whole,
            fraction,
        })
    }

    fn digits(&mut self) -> Option<&'a [u8]> {
        let rest = self.text.get(self.at..)?;
        let count = rest
            .iter()
            .position(|byte| !byte.is_ascii_digit())
            .unwrap_or(rest.len());
        self.at += count;
        (count > 0).then(|| &rest[..count])
    }

    /// Whether the document ends here.
    pub fn at_end(&mut self) -> bool {
        self.peek().is_none()
    }

    pub fn position(&self) -> usize {
        self.at
    }

    pub fn since(&self, start: usize) -> Option<&'a [u8]> {
        self.text.get(start..self.at)
    }
}

impl<'a> Text<'a> {
    /// The text where it holds no escape.
    pub fn plain(self) -> Option<&'a [u8]> {
        (!self.escaped).then_some(self.raw)
    }

    /// The text itself, in UTF-8.
    pub fn decoded(self) -> Option<Cow<'a, [u8]>> {
        if self.escaped {
            unescaped(self.raw).map(Cow::Owned)
        } else {
            Some(Cow::Borrowed(self.raw))
        }
    }

    /// Appends the text as a JSON string in its one canonical form.
    pub fn write_canonical(self, out: &mut Vec<u8>) -> Option<()> {
        out.push(b'"');
        for &byte in self.decoded()?.iter() {
            match byte {
                b'"' | b'\\' => out.extend([b'\\', byte]),
                b'\n' => out.extend(b"\\n"),
                b'\r' => out.extend(b"\\r"),
                b'\t' => out.extend(b"\\t"),
                0x08 => out.extend(b"\\b"),
                0x0c => out.extend(b"\\f"),
                0..=0x1f => return None,
                _ => out.push(byte),
            }
        }
        out.push(b'"');
        Some(())
    }
}

fn unescaped(raw: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        let (&kind, after) = rest.split_first()?;
        rest = after;
        match kind {
            b'"' | b'\\' | b'/' => out.push(kind),
            b'b' => out.push(0x08),
            b'f' => out.push(0x0c),
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'u' => {
                let (character, after) = escaped_character(rest)?;
                rest = after;
                out.extend(character.encode_utf8(&mut [0; 4]).as_bytes());
            }
            _ => return None,
        }
    }
    Some(out)
}

/// The character behind `\u`, which may take a second escape; U+0000 and half a pair are not plain.
fn escaped_character(rest: &[u8]) -> Option<(char, &[u8])> {
    let (first, rest) = code_unit(rest)?;
    if !(0xd800..0xdc00).contains(&first) {
        return (first != 0).then_some((char::from_u32(first)?, rest));
    }
    let (second, rest) = code_unit(rest.strip_prefix(b"\\u")?)?;
    if !(0xdc00..0xe000).contains(&second) {
        return None;
    }
    let code = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
    Some((char::from_u32(code)?, rest))
}

fn code_unit(rest: &[u8]) -> Option<(u32, &[u8])> {
    let (digits, rest) = rest.split_at_checked(4)?;
    let mut unit = 0;
    for &digit in digits {
        unit = unit << 4 | char::from(digit).to_digit(16)?;
    }
    Some((unit, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(document: &str) -> Option<String> {
        let text = Reader::new(document.as_bytes()).string()?;
        Some(String::from_utf8(text.decoded()?.into_owned()).unwrap())
    }

    #[test]
    fn strings_are_decoded() {
        for (document, text) in [
            (r#""""#, ""),
            (r#" "a b""#, "a b"),
            (r#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{c}\n\r\t"),
            (r#""\u00e9\uD83D\ude00""#, "\u{e9}\u{1f600}"),
            (r#""é""#, "é"),
        ] {
            assert_eq!(decoded(document).as_deref(), Some(text), "{document}");
        }
    }

    #[test]
    fn what_is_no_plain_string_is_left_to_python() {
        for document in [
            r#"""#,
            r#""\"#,
            r#""\""#,
            r#""\x""#,
            r#""\u12""#,
            r#""\u+123""#,
            r#""\u0000""#,
            r#""\ud800""#,
            r#""\ud800\u0041""#,
            r#""\udc00""#,
            "\"\n\"",
            "x",
        ] {
            assert_eq!(decoded(document), None, "{document}");
        }
    }

    #[test]
    fn numbers_are_taken_apart() {
        let number = |text: &'static str| {
            Reader::new(text.as_bytes())
                .number()
                .map(|found| (found.negative, found.whole, found.fraction))
        };
        assert_eq!(number("0"), Some((false, &b"0"[..], None)));
        assert_eq!(
            number("-12.50,"),
            Some((true, &b"12"[..], Some(&b"50"[..])))
        );
        for text in [
            "", "-", "01", "1.", ".5", "1e3", "1.5E3", "+1", "NaN", "- 1",
        ] {
            assert_eq!(number(text), None, "{text}");
        }
    }
}
