//! Translation memories.

use alambic_settings::{Location, OneOrMany, settings};
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::{Content, ReadCorpus};
use crate::error::{DataError, Fault, Place};
use crate::parallel::{Filters, Gathering};
use crate::source::{Extent, Source};

settings! {
    /// Translation memories in TMX, as OPUS and translators' tools write them; also compressed with gzip.
    pub struct Tmx {
        /// The files.
        pub paths: OneOrMany<Location>,
        /// The languages that are read, by language code, that by which parts go first. A file's `en-US` is `en`.
        pub languages: Vec<String>,
        /// Which sentences are kept.
        #[flatten]
        pub filters: Filters,
    }
}

impl ReadCorpus for Tmx {
    fn read(&self, extent: Extent) -> Result<Content, DataError> {
        let first = self.paths.first().map(ToString::to_string).unwrap_or_default();
        let mut gathering = Gathering::new(&self.filters, self.languages.clone(), &Place::file(&first))?;
        let mut faults: Option<DataError> = None;
        for location in self.paths.iter() {
            let read = Source::open_lines(location, Extent::Whole).and_then(|source| {
                gathering.source(&source.name, source.fingerprint());
                self.units(&source, &mut gathering)
            });
            DataError::note(&mut faults, read);
        }
        faults.map_or(Ok(()), Err)?;
        Ok(gathering.finish(extent)?.into())
    }
}

impl Tmx {
    /// The units of a file, each with its variants.
    fn units(&self, source: &Source, gathering: &mut Gathering<'_>) -> Result<(), DataError> {
        let mut reader = Reader::from_reader(source.bytes.as_ref());
        let line = |reader: &Reader<&[u8]>| {
            let before = &source.bytes[..(reader.buffer_position() as usize).min(source.bytes.len())];
            Place::line(&source.name, before.split(|&byte| byte == b'\n').count())
        };
        let mut unit: Vec<(&str, String)> = Vec::new();
        let mut language: Option<&str> = None;
        // Text counts within a segment, and not within the codes of a tool in it.
        let (mut segment, mut codes) = (None::<String>, 0_usize);
        loop {
            let event = reader.read_event();
            let event =
                event.map_err(|error| DataError::new(line(&reader), Fault::BrokenXml(error.to_string())))?;
            match event {
                Event::Eof => return Ok(()),
                Event::Start(start) => match start.name().as_ref() {
                    b"tu" => unit.clear(),
                    b"tuv" => language = self.language(&start),
                    b"seg" => segment = Some(String::new()),
                    b"hi" | b"sub" => {}
                    _ => codes += usize::from(segment.is_some()),
                },
                Event::End(end) => match end.name().as_ref() {
                    b"seg" => {
                        if let (Some(language), Some(text)) = (language, segment.take()) {
                            unit.push((language, text));
                        }
                    }
                    b"tu" => {
                        gathering.push(unit.iter().map(|(language, text)| (*language, text.as_str())), None);
                    }
                    b"hi" | b"sub" => {}
                    _ => codes -= usize::from(segment.is_some() && codes > 0),
                },
                Event::Text(text) => {
                    if let (Some(segment), 0) = (&mut segment, codes) {
                        let text = text.decode();
                        segment.push_str(&text.map_err(|error| {
                            DataError::new(line(&reader), Fault::BrokenXml(error.to_string()))
                        })?);
                    }
                }
                Event::GeneralRef(entity) => {
                    if let (Some(segment), 0) = (&mut segment, codes) {
                        segment.push_str(&resolved(&entity));
                    }
                }
                _ => {}
            }
        }
    }

    /// The language of a variant, if it is read.
    fn language(&self, start: &BytesStart<'_>) -> Option<&str> {
        let value = start
            .attributes()
            .flatten()
            .find(|attribute| [b"xml:lang".as_slice(), b"lang"].contains(&attribute.key.as_ref()))?;
        let value = String::from_utf8_lossy(&value.value).to_ascii_lowercase();
        let general = value.split(['-', '_']).next().unwrap_or(&value);
        let is = |own: &&String| own.eq_ignore_ascii_case(&value) || own.eq_ignore_ascii_case(general);
        self.languages.iter().find(is).map(String::as_str)
    }
}

/// The character of a reference.
fn resolved(entity: &quick_xml::events::BytesRef<'_>) -> String {
    if let Ok(Some(character)) = entity.resolve_char_ref() {
        return character.to_string();
    }
    let name = entity.decode().unwrap_or_default();
    quick_xml::escape::resolve_predefined_entity(&name).unwrap_or_default().to_owned()
}
