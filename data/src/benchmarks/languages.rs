//! What benchmarks call languages whose codes have two letters elsewhere.

/// A language's code, its code in Tatoeba (ISO 639-3), its name in `TyDi` QA, its code in FLORES-200, its locale in MASSIVE;
/// empty where the benchmark does not have it.
type Names = (&'static str, &'static str, &'static str, &'static str, &'static str);

const LANGUAGES: &[Names] = &[
    ("af", "afr", "", "afr_Latn", "af-ZA"),
    ("ar", "ara", "arabic", "arb_Arab", "ar-SA"),
    ("as", "", "", "asm_Beng", ""),
    ("az", "aze", "", "azj_Latn", "az-AZ"),
    ("bg", "bul", "", "bul_Cyrl", ""),
    ("bn", "ben", "bengali", "ben_Beng", "bn-BD"),
    ("de", "deu", "", "deu_Latn", "de-DE"),
    ("el", "ell", "", "ell_Grek", "el-GR"),
    ("en", "eng", "english", "eng_Latn", "en-US"),
    ("es", "spa", "", "spa_Latn", "es-ES"),
    ("et", "est", "", "est_Latn", ""),
    ("eu", "eus", "", "eus_Latn", ""),
    ("fa", "pes", "", "pes_Arab", "fa-IR"),
    ("fi", "fin", "finnish", "fin_Latn", "fi-FI"),
    ("fr", "fra", "", "fra_Latn", "fr-FR"),
    ("gu", "", "", "guj_Gujr", ""),
    ("he", "heb", "", "heb_Hebr", "he-IL"),
    ("hi", "hin", "", "hin_Deva", "hi-IN"),
    ("hu", "hun", "", "hun_Latn", "hu-HU"),
    ("id", "ind", "indonesian", "ind_Latn", "id-ID"),
    ("it", "ita", "", "ita_Latn", "it-IT"),
    ("ja", "jpn", "", "jpn_Jpan", "ja-JP"),
    ("jv", "jav", "", "jav_Latn", "jv-ID"),
    ("ka", "kat", "", "kat_Geor", "ka-GE"),
    ("kk", "kaz", "", "kaz_Cyrl", ""),
    ("kn", "", "", "kan_Knda", "kn-IN"),
    ("ko", "kor", "korean", "kor_Hang", "ko-KR"),
    ("ks", "", "", "kas_Arab", ""),
    ("lt", "lit", "", "lit_Latn", ""),
    ("mai", "", "", "mai_Deva", ""),
    ("ml", "mal", "", "mal_Mlym", "ml-IN"),
    ("mni", "", "", "mni_Beng", ""),
    ("mr", "mar", "", "mar_Deva", ""),
    ("ne", "", "", "npi_Deva", ""),
    ("nl", "nld", "", "nld_Latn", "nl-NL"),
    ("or", "", "", "ory_Orya", ""),
    ("pa", "", "", "pan_Guru", ""),
    ("pl", "pol", "", "pol_Latn", "pl-PL"),
    ("pt", "por", "", "por_Latn", "pt-PT"),
    ("ro", "ron", "", "ron_Latn", "ro-RO"),
    ("ru", "rus", "russian", "rus_Cyrl", "ru-RU"),
    ("sa", "", "", "san_Deva", ""),
    ("sat", "", "", "sat_Olck", ""),
    ("sd", "", "", "snd_Arab", ""),
    ("sw", "swh", "swahili", "swh_Latn", "sw-KE"),
    ("ta", "tam", "", "tam_Taml", "ta-IN"),
    ("te", "tel", "telugu", "tel_Telu", "te-IN"),
    ("th", "tha", "", "tha_Thai", "th-TH"),
    ("tl", "tgl", "", "tgl_Latn", "tl-PH"),
    ("tr", "tur", "", "tur_Latn", "tr-TR"),
    ("uk", "ukr", "", "ukr_Cyrl", ""),
    ("ur", "urd", "", "urd_Arab", "ur-PK"),
    ("vi", "vie", "", "vie_Latn", "vi-VN"),
    ("zh", "cmn", "", "zho_Hans", "zh-CN"),
];

/// A pattern of a file's name for a language: `{language}` is its code, `{iso3}`, `{name}`, `{flores}` and `{locale}` what
/// Tatoeba, `TyDi` QA, FLORES and MASSIVE call it; none where the benchmark does not have the language.
pub(super) fn fill(pattern: &str, language: &str) -> Option<String> {
    let mut filled = pattern.replace("{language}", language);
    let names = LANGUAGES.iter().find(|names| names.0 == language);
    let own: [(&str, Option<&str>); 5] = [
        ("{iso3}", names.map(|names| names.1)),
        ("{name}", names.map(|names| names.2)),
        ("{flores}", names.map(|names| names.3)),
        ("{locale}", names.map(|names| names.4)),
        // The English of MaRVL is another dataset.
        ("{nlvr2}", Some("nlvr2").filter(|_| language == "en")),
    ];
    for (mark, name) in own {
        if filled.contains(mark) {
            filled = filled.replace(mark, name.filter(|name| !name.is_empty())?);
        }
    }
    Some(filled)
}

#[cfg(test)]
mod tests {
    use super::fill;

    #[test]
    fn patterns_are_filled_with_what_the_benchmark_calls_a_language() {
        assert_eq!(fill("test-{language}.tsv", "xx").as_deref(), Some("test-xx.tsv"));
        assert_eq!(fill("tatoeba.{iso3}-eng.{iso3}", "fa").as_deref(), Some("tatoeba.pes-eng.pes"));
        assert_eq!(fill("{locale}.jsonl", "hi").as_deref(), Some("hi-IN.jsonl"));
        assert_eq!(fill("{locale}.jsonl", "gu"), None);
        assert_eq!(fill("{name}.json", "xx"), None);
    }
}
