//! Metadata of a model card in the words of the Hugging Face hub: licences and languages.

/// Identifiers of licences that the hub knows (hub documentation, "Licenses").
const LICENCES: [&str; 75] = [
    "afl-3.0",
    "agpl-3.0",
    "apache-2.0",
    "apple-amlr",
    "apple-ascl",
    "artistic-2.0",
    "bigcode-openrail-m",
    "bigscience-bloom-rail-1.0",
    "bigscience-openrail-m",
    "bsd",
    "bsd-2-clause",
    "bsd-3-clause",
    "bsd-3-clause-clear",
    "bsl-1.0",
    "c-uda",
    "cc",
    "cc-by-2.0",
    "cc-by-2.5",
    "cc-by-3.0",
    "cc-by-4.0",
    "cc-by-nc-2.0",
    "cc-by-nc-3.0",
    "cc-by-nc-4.0",
    "cc-by-nc-nd-3.0",
    "cc-by-nc-nd-4.0",
    "cc-by-nc-sa-2.0",
    "cc-by-nc-sa-3.0",
    "cc-by-nc-sa-4.0",
    "cc-by-nd-4.0",
    "cc-by-sa-3.0",
    "cc-by-sa-4.0",
    "cc0-1.0",
    "cdla-permissive-1.0",
    "cdla-permissive-2.0",
    "cdla-sharing-1.0",
    "creativeml-openrail-m",
    "deepfloyd-if-license",
    "ecl-2.0",
    "epl-1.0",
    "epl-2.0",
    "etalab-2.0",
    "eupl-1.1",
    "eupl-1.2",
    "gemma",
    "gfdl",
    "gpl",
    "gpl-2.0",
    "gpl-3.0",
    "h-research",
    "intel-research",
    "isc",
    "lgpl",
    "lgpl-2.1",
    "lgpl-3.0",
    "lgpl-lr",
    "llama2",
    "llama3",
    "llama3.1",
    "lppl-1.3c",
    "mit",
    "mpl-2.0",
    "ms-pl",
    "ncsa",
    "odbl",
    "odc-by",
    "ofl-1.1",
    "openrail",
    "openrail++",
    "osl-3.0",
    "pddl",
    "postgresql",
    "unknown",
    "unlicense",
    "wtfpl",
    "zlib",
];

/// Texts of licences that the hub does not know and corpora of this program have.
const LINKS: [(&str, &str); 1] = [("unicode-3.0", "https://www.unicode.org/license.txt")];

/// Codes of ISO 639-1, each of two letters.
const LANGUAGES: &str = "aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de \
                         dv dz ee el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia \
                         id ie ig ii ik io is it iu ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo \
                         lt lu lv mg mh mi mk ml mn mr ms mt my na nb nd ne ng nl nn no nr nv ny oc oj om or os pa pi pl \
                         ps pt qu rm rn ro ru rw sa sc sd se sg si sk sl sm sn so sq sr ss st su sv sw ta te tg th ti tk \
                         tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu";

/// Licence in the keys `license`, `license_name` and `license_link`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HubLicence {
    /// An identifier that the hub knows.
    pub(crate) identifier: &'static str,
    /// Name of the licence, where the identifier is `other`.
    pub(crate) name: Option<String>,
    /// Where its text is, as far as that is known.
    pub(crate) link: Option<&'static str>,
}

impl HubLicence {
    /// The licence of what is under all of these, `unknown` where there is none.
    pub(crate) fn of(stated: &[String]) -> Self {
        let slugs: Vec<String> = stated.iter().map(|licence| slug(licence)).collect();
        let known = |slug: &String| LICENCES.iter().find(|known| *known == slug);
        match slugs.as_slice() {
            [] => Self { identifier: "unknown", name: None, link: None },
            [one] if known(one).is_some() => {
                Self { identifier: known(one).copied().unwrap_or("other"), name: None, link: None }
            }
            several => Self {
                identifier: "other",
                name: Some(several.join("-and-")),
                link: match several {
                    [one] => LINKS.iter().find(|(name, _)| name == one).map(|(_, link)| *link),
                    _ => None,
                },
            },
        }
    }
}

/// A name in lower case, of letters, digits, dots and dashes.
fn slug(name: &str) -> String {
    let plain = |letter: char| match letter.to_ascii_lowercase() {
        letter if letter.is_ascii_alphanumeric() || ".+".contains(letter) => letter,
        _ => '-',
    };
    let parts: String = name.trim().chars().map(plain).collect();
    let slug = parts.split('-').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-");
    if slug.is_empty() { "unnamed".to_owned() } else { slug }
}

/// A dataset's name in the characters that names on the hub have.
pub(crate) fn dataset_identifier(name: &str) -> String {
    let plain =
        |letter: char| if letter.is_ascii_alphanumeric() || "._/-".contains(letter) { letter } else { '-' };
    name.chars().map(plain).collect()
}

/// The languages of some codes as the hub takes them, each once: of ISO 639, without script, region or number.
pub(crate) fn languages(codes: &[String]) -> Vec<String> {
    let mut languages = Vec::new();
    for code in codes {
        let language = code.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase();
        let is_plain = language.chars().all(|letter| letter.is_ascii_lowercase());
        let is_known = match language.len() {
            2 => LANGUAGES.split(' ').any(|known| known == language),
            // Of the seven thousand of three letters none is refused.
            3 => true,
            _ => false,
        };
        if is_plain && is_known && !languages.contains(&language) {
            languages.push(language);
        }
    }
    languages
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(stated: &[&str]) -> (&'static str, Option<String>, Option<&'static str>) {
        let stated: Vec<String> = stated.iter().map(ToString::to_string).collect();
        let HubLicence { identifier, name, link } = HubLicence::of(&stated);
        (identifier, name, link)
    }

    #[test]
    fn licences_that_the_hub_does_not_know_are_named() {
        assert_eq!(of(&["CC-BY-SA-4.0"]), ("cc-by-sa-4.0", None, None));
        assert_eq!(of(&["CC BY-SA 4.0"]), ("cc-by-sa-4.0", None, None));
        let unicode = Some("https://www.unicode.org/license.txt");
        assert_eq!(of(&["Unicode-3.0"]), ("other", Some("unicode-3.0".into()), unicode));
        assert_eq!(of(&["MIT", "Our own: (c) us"]), ("other", Some("mit-and-our-own-c-us".into()), None));
        assert_eq!(of(&[]), ("unknown", None, None));
        assert_eq!(of(&["\n---"]), ("other", Some("unnamed".into()), None));
    }

    #[test]
    fn languages_are_codes_of_iso_639() {
        let codes = ["ja", "ja-2", "zh-Hans", "mni-Mtei", "source", "xx", "", "EN", "\n-"].map(str::to_owned);
        assert_eq!(languages(&codes), ["ja", "zh", "mni", "en"]);
    }
}
