//! `tojson` as chat templates know it: Python's `json.dumps` without escapes for HTML.

use minijinja::value::{Kwargs, Rest};
use minijinja::{Error, ErrorKind, Value};
use serde::Serialize;
use serde_json::ser::{Formatter, PrettyFormatter, Serializer};
use std::io::{self, Write};

/// `value | tojson(ensure_ascii=false, indent=none, separators=none, sort_keys=false)`
pub(super) fn filter(value: &Value, positional: Rest<Value>, kwargs: Kwargs) -> Result<Value, Error> {
    let invalid = |why: String| Error::new(ErrorKind::InvalidOperation, why);
    let indent = match super::named::<usize>(&kwargs, "indent")? {
        Some(indent) => Some(indent),
        // Jinja's own filter takes the indentation as its only argument.
        None => positional.0.first().and_then(Value::as_usize),
    };
    if indent.is_some_and(|indent| indent > 64) {
        return Err(invalid("tojson indents by more than 64".into()));
    }
    let ascii = super::named::<bool>(&kwargs, "ensure_ascii")?.unwrap_or(false);
    let sorted = super::named::<bool>(&kwargs, "sort_keys")?.unwrap_or(false);
    let separators = super::named::<Vec<String>>(&kwargs, "separators")?;
    kwargs.assert_all_used()?;
    let (between, colon) = match separators.as_deref() {
        None => (if indent.is_some() { "," } else { ", " }.to_owned(), ": ".to_owned()),
        Some([between, colon]) => (between.clone(), colon.clone()),
        Some(_) => return Err(invalid("`separators` of tojson are two texts".into())),
    };
    let spaces = " ".repeat(indent.unwrap_or(0));
    let layout = Layout { pretty: indent.map(|_| PrettyFormatter::with_indent(spaces.as_bytes())), between, colon };
    let mut bytes = Vec::new();
    let mut serializer = Serializer::with_formatter(&mut bytes, layout);
    let written = if sorted {
        // Maps of serde_json are in the order of their keys.
        serde_json::to_value(value).and_then(|value| value.serialize(&mut serializer))
    } else {
        value.serialize(&mut serializer)
    };
    written.map_err(|why| invalid(format!("tojson: {why}")))?;
    let text = String::from_utf8(bytes).map_err(|why| invalid(format!("tojson: {why}")))?;
    Ok(Value::from(if ascii { escape(&text) } else { text }))
}

/// Characters beyond ASCII, which stand in strings only, as `\uXXXX`.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_ascii() {
            escaped.push(character);
            continue;
        }
        for unit in character.encode_utf16(&mut [0; 2]) {
            escaped.push_str(&format!("\\u{unit:04x}"));
        }
    }
    escaped
}

/// Separators as Python writes them, with or without lines of their own.
struct Layout<'a> {
    pretty: Option<PrettyFormatter<'a>>,
    between: String,
    colon: String,
}

impl Layout<'_> {
    fn separate<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { out.write_all(self.between.as_bytes()) }
    }
}

/// Swallows the comma that the pretty layout would write.
struct AfterComma<'a, W: ?Sized>(&'a mut W);

impl<W: ?Sized + Write> Write for AfterComma<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let rest = bytes.strip_prefix(b",").unwrap_or(bytes);
        self.0.write_all(rest)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Formatter for Layout<'_> {
    fn write_f64<W: ?Sized + Write>(&mut self, out: &mut W, value: f64) -> io::Result<()> {
        out.write_all(super::python::float(value).as_bytes())
    }

    fn begin_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        match &mut self.pretty {
            Some(pretty) => pretty.begin_array(out),
            None => out.write_all(b"["),
        }
    }

    fn end_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        match &mut self.pretty {
            Some(pretty) => pretty.end_array(out),
            None => out.write_all(b"]"),
        }
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.separate(out, first)?;
        match &mut self.pretty {
            Some(pretty) => pretty.begin_array_value(&mut AfterComma(out), first),
            None => Ok(()),
        }
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        match &mut self.pretty {
            Some(pretty) => pretty.end_array_value(out),
            None => Ok(()),
        }
    }

    fn begin_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        match &mut self.pretty {
            Some(pretty) => pretty.begin_object(out),
            None => out.write_all(b"{"),
        }
    }

    fn end_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        match &mut self.pretty {
            Some(pretty) => pretty.end_object(out),
            None => out.write_all(b"}"),
        }
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.separate(out, first)?;
        match &mut self.pretty {
            Some(pretty) => pretty.begin_object_key(&mut AfterComma(out), first),
            None => Ok(()),
        }
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        out.write_all(self.colon.as_bytes())
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        match &mut self.pretty {
            Some(pretty) => pretty.end_object_value(out),
            None => Ok(()),
        }
    }
}
