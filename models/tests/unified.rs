//! Texts written in one script, compared with the Indic NLP Library and transformers: `tests/unified/make.py` wrote what is expected.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use std::path::{Path, PathBuf};

use alambic_models::{Tokenizer, UnifiedScript};
use serde_json::Value;

fn folder(kind: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/unified").join(kind)
}

fn expected() -> Value {
    serde_json::from_str(&std::fs::read_to_string(folder("expected.json")).unwrap()).unwrap()
}

/// Knuth's linear congruential generator, as the script has it.
struct Generator(u64);

impl Generator {
    fn below(&mut self, bound: u32) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 32) % u64::from(bound)) as u32
    }
}

/// Ranges of characters, as the script has them.
const RANGES: [(u32, u32); 16] = [
    (0x0900, 0x0dff),
    (0x0900, 0x0dff),
    (0x0980, 0x0d7f),
    (0x0020, 0x007e),
    (0x00a0, 0x024f),
    (0x0300, 0x036f),
    (0x0600, 0x06ff),
    (0x0964, 0x0965),
    (0x1cd0, 0x1cff),
    (0x1c50, 0x1c7f),
    (0xabc0, 0xabff),
    (0xa8e0, 0xa8ff),
    (0x2000, 0x206f),
    (0x200c, 0x200d),
    (0x1_1480, 0x1_14df),
    (0x1_f300, 0x1_f3ff),
];

fn text(generator: &mut Generator) -> String {
    let length = 1 + generator.below(24);
    let mut letter = || {
        let (first, last) = RANGES[generator.below(RANGES.len() as u32) as usize];
        char::from_u32(first + generator.below(last - first + 1)).unwrap()
    };
    (0..length).map(|_| letter()).collect()
}

/// CRC-32 as zlib has it, taken on from what it was so far.
fn checksum(so_far: u32, text: &str) -> u32 {
    let step = |sum: u32| if sum & 1 == 1 { (sum >> 1) ^ 0xedb8_8320 } else { sum >> 1 };
    !text.bytes().fold(!so_far, |sum, byte| (0..8).fold(sum ^ u32::from(byte), |sum, _| step(sum)))
}

#[test]
fn unified_texts_are_those_of_the_indic_nlp_library() {
    let expected = expected();
    let mut generator = Generator(expected["seed"].as_u64().unwrap());
    let (mut drawn, mut unified) = (0, 0);
    for index in 0..expected["texts"].as_u64().unwrap() as usize {
        let text = text(&mut generator);
        let own = UnifiedScript::Devanagari.unify(&text);
        if let Some(shown) = expected["shown"].get(index) {
            assert_eq!((text.as_str(), &*own), (shown[0].as_str().unwrap(), shown[1].as_str().unwrap()));
        }
        drawn = checksum(drawn, &format!("{text}\n"));
        unified = checksum(unified, &format!("{own}\n"));
    }
    assert_eq!(expected["texts"], 100_000);
    assert_eq!(u64::from(drawn), expected["checksum-of-texts"].as_u64().unwrap(), "other texts were drawn");
    assert_eq!(u64::from(unified), expected["checksum-of-expected"].as_u64().unwrap());
}

#[test]
fn unified_tokenizers_give_the_numbers_of_transformers() {
    let expected = expected();
    for kind in ["unigram", "word-piece"] {
        let opened = Tokenizer::open(&folder(&format!("{kind}-unified"))).unwrap();
        let made = Tokenizer::open(&folder(kind)).unwrap().unified(UnifiedScript::Devanagari).unwrap();
        assert_eq!(opened.unified_script(), Some(UnifiedScript::Devanagari));
        assert_eq!(opened.to_json().unwrap(), made.to_json().unwrap(), "{kind}");
        let texts = expected["ids"][kind].as_object().unwrap();
        assert!(texts.len() > 8);
        for (text, ids) in texts {
            let ids: Vec<u64> = ids.as_array().unwrap().iter().map(|id| id.as_u64().unwrap()).collect();
            for tokenizer in [&opened, &made] {
                let own: Vec<u64> = tokenizer.encode(text).unwrap().into_iter().map(u64::from).collect();
                assert_eq!(own, ids, "{kind}: {text:?}");
            }
        }
    }
}
