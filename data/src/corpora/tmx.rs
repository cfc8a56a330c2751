//! Translation memories.

use alambic_files::text::quoted;
use alambic_settings::{IndexMap, Location, OneOrMany, settings};
use quick_xml::Reader;
use quick_xml::events::{BytesRef, BytesStart, Event};

use super::ReadCorpus;
use crate::content::Content;
use crate::error::{DataError, Fault, Place};
use crate::parallel::{BitextBuilder, BitextFilters};
use crate::source::{Extent, TableSource, files};
use crate::table::unmarked;

settings! {
    /// Translation memories in TMX, as OPUS and translators' tools write them, in UTF-8 or UTF-16; also compressed with gzip.
    pub struct Tmx {
        /// The files.
        pub paths: OneOrMany<Location>,
        /// The languages that are read, by language code, that by which splits go first. A file's `en-US` is `en`, unless `en-US`
        /// is asked for as well. Units that have different texts for one of them, as of two regions, are refused. Where a unit has
        /// several texts of one code, each makes a sentence; each has a `tuv` of its own, in which two `seg` are refused.
        pub languages: Vec<String>,
        /// Filters of sentences.
        #[flatten]
        pub filters: BitextFilters,
    }
}

impl ReadCorpus for Tmx {
    fn read(&self, extent: Extent) -> Result<Content, DataError> {
        let first = self.paths.first().map(ToString::to_string).unwrap_or_default();
        let mut builder = BitextBuilder::new(&self.filters, self.languages.clone(), &Place::file(&first))?;
        let mut faults: Option<DataError> = None;
        for location in files(&self.paths)? {
            let read = TableSource::open_lines(&location, Extent::Whole).and_then(|source| {
                builder.add_file(&source);
                self.units(&source, &mut builder)
            });
            DataError::note(&mut faults, read);
        }
        faults.map_or(Ok(()), Err)?;
        Ok(builder.build(extent)?.into())
    }
}

impl Tmx {
    /// The units of a file, each with its variants.
    fn units(&self, source: &TableSource, builder: &mut BitextBuilder<'_>) -> Result<(), DataError> {
        let mut reader = Reader::from_reader(unmarked(&source.bytes));
        let place = |reader: &Reader<&[u8]>| {
            let before = source.bytes.get(..reader.buffer_position() as usize).unwrap_or(&source.bytes);
            Place::line(&source.name, before.split(|&byte| byte == b'\n').count())
        };
        let broken =
            |reader: &Reader<&[u8]>, what: String| DataError::new(place(reader), Fault::BrokenXml(what));
        let mut state = State::default();
        // The elements around the place that is read.
        let mut open: Vec<Vec<u8>> = Vec::new();
        loop {
            let event = match reader.read_event() {
                Ok(event) => event,
                Err(error) => return Err(broken(&reader, error.to_string())),
            };
            let taken = match event {
                Event::Eof => match open.pop() {
                    Some(element) => {
                        Err(format!("the file ends within `{}`", String::from_utf8_lossy(&element)))
                    }
                    None if state.is_tmx && state.units > 0 => return Ok(()),
                    None if state.is_tmx => Err("there is no translation unit (`tu`) in it".into()),
                    None => Err("there is no `tmx` in it".into()),
                },
                Event::Start(start) => {
                    open.push(start.name().as_ref().to_vec());
                    state.open(self, &start)
                }
                Event::Empty(start) if matches!(start.name().as_ref(), b"tmx" | b"tuv" | b"seg") => {
                    state.open(self, &start).map(|()| state.segment = None)
                }
                Event::End(end) => {
                    open.pop();
                    state
                        .close(end.name().as_ref(), builder)
                        .map_err(|fault| DataError::new(place(&reader), fault))?;
                    Ok(())
                }
                Event::Text(text) => {
                    text.decode().map_err(|error| error.to_string()).map(|text| state.text(&text))
                }
                Event::CData(text) => {
                    text.decode().map_err(|error| error.to_string()).map(|text| state.text(&text))
                }
                Event::GeneralRef(entity) => resolved(&entity).map(|text| state.text(&text)),
                _ => Ok(()),
            };
            if let Err(what) = taken {
                return Err(broken(&reader, what));
            }
        }
    }

    /// The language of a variant, if it is read: that of which most is named. `en-US` is `en` where that is asked for, and
    /// `pa-Arab-PK` is `pa-Arab`.
    fn language(&self, start: &BytesStart<'_>) -> Result<Option<Variant<'_>>, String> {
        let mut named = None;
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|error| error.to_string())?;
            // What TMX 1.1 has gives way.
            if attribute.key.as_ref() == b"xml:lang" || (attribute.key.as_ref() == b"lang" && named.is_none())
            {
                named = Some(String::from_utf8_lossy(&attribute.value).trim().to_owned());
            }
        }
        let Some(named) = named else { return Err("a `tuv` without a language".into()) };
        let spelled = plain(&named);
        let is = |own: &&String| {
            spelled.strip_prefix(&plain(own)).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
        };
        let language = self.languages.iter().filter(is).max_by_key(|own| own.len());
        Ok(language.map(|language| (language.as_str(), named)))
    }
}

/// A language that is read, and the code of the text that is.
type Variant<'l> = (&'l str, String);

/// A language code in one spelling.
fn plain(code: &str) -> String {
    code.trim().to_ascii_lowercase().replace('_', "-")
}

/// What of a file is read so far.
#[derive(Debug, Default)]
struct State<'l> {
    is_tmx: bool,
    /// How many units have begun, and how many segments of the variant.
    units: usize,
    segments: usize,
    /// The texts of the unit by language, each with its code.
    unit: IndexMap<&'l str, Vec<(String, String)>>,
    variant: Option<Variant<'l>>,
    /// The text of the segment, if one is open, and how many codes of a tool are open in it. They are no text.
    segment: Option<String>,
    codes: usize,
}

impl<'l> State<'l> {
    fn open(&mut self, corpus: &'l Tmx, start: &BytesStart<'_>) -> Result<(), String> {
        match start.name().as_ref() {
            b"tmx" => self.is_tmx = true,
            b"tu" => {
                self.unit.clear();
                self.units += 1;
            }
            b"tuv" => (self.variant, self.segments) = (corpus.language(start)?, 0),
            b"seg" => {
                self.segments += 1;
                if let (Some((_, code)), 2..) = (&self.variant, self.segments) {
                    return Err(format!(
                        "a `tuv` of `{}` has a second `seg`, and may have one",
                        quoted(code)
                    ));
                }
                (self.segment, self.codes) = (Some(String::new()), 0);
            }
            b"hi" | b"sub" => {}
            _ => self.codes += usize::from(self.segment.is_some()),
        }
        Ok(())
    }

    fn close(&mut self, element: &[u8], builder: &mut BitextBuilder<'_>) -> Result<(), Fault> {
        match element {
            b"seg" => {
                if let (Some((language, code)), Some(text)) = (&self.variant, self.segment.take()) {
                    let texts = self.unit.entry(language).or_default();
                    if let Some((other, _)) = texts.iter().find(|(other, own)| other != code && *own != text)
                    {
                        let (language, codes) = ((*language).to_owned(), [other.clone(), code.clone()]);
                        return Err(Fault::AmbiguousVariants { language, codes });
                    }
                    if !texts.iter().any(|(_, own)| *own == text) {
                        texts.push((code.clone(), text));
                    }
                }
            }
            b"tu" => {
                let most = self.unit.values().map(Vec::len).max().unwrap_or(1);
                for number in 0..most {
                    // A language with fewer texts than another repeats its last.
                    let texts = self.unit.iter().filter_map(|(language, texts)| {
                        Some((*language, texts.get(number).or(texts.last())?.1.as_str()))
                    });
                    builder.push(texts, None);
                }
            }
            b"hi" | b"sub" => {}
            _ => self.codes = self.codes.saturating_sub(usize::from(self.segment.is_some())),
        }
        Ok(())
    }

    fn text(&mut self, text: &str) {
        if let (Some(segment), 0) = (&mut self.segment, self.codes) {
            segment.push_str(text);
        }
    }
}

/// The character of a reference.
fn resolved(entity: &BytesRef<'_>) -> Result<String, String> {
    if let Some(character) = entity.resolve_char_ref().map_err(|error| error.to_string())? {
        return Ok(character.to_string());
    }
    let name = entity.decode().map_err(|error| error.to_string())?;
    let known = quick_xml::escape::resolve_predefined_entity(&name);
    known.map(str::to_owned).ok_or_else(|| format!("the entity `&{name};` is not one of XML"))
}
