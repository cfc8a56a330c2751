//! Codes of languages that stand as tokens of their own around texts: those of mBART, M2M-100 and NLLB.

use std::path::Path;

use alambic_files::text::quoted;
use serde_json::{Value, json};

use super::files::{CONFIG, TokenizerFiles};
use super::ids::id_of;
use crate::ModelError;

/// Class of mBART, whose texts have the code behind their end.
pub(super) const MBART: &str = "MBartTokenizer";
/// Class of mBART-50.
pub(super) const MBART50: &str = "MBart50Tokenizer";
/// Class of NLLB.
pub(super) const NLLB: &str = "NllbTokenizer";
/// Class of M2M-100.
pub(super) const M2M100: &str = "M2M100Tokenizer";

/// Codes of mBART, in the order of their ids (transformers 5.24).
const MBART_CODES: &str = "ar_AR cs_CZ de_DE en_XX es_XX et_EE fi_FI fr_XX gu_IN hi_IN it_IT ja_XX kk_KZ ko_KR lt_LT lv_LV my_MM \
    ne_NP nl_XX ro_RO ru_RU si_LK tr_TR vi_VN zh_CN";
/// Further ones of mBART-50.
const MBART50_CODES: &str = "af_ZA az_AZ bn_IN fa_IR he_IL hr_HR id_ID ka_GE km_KH mk_MK ml_IN mn_MN mr_IN pl_PL ps_AF pt_XX sv_SE \
    sw_KE ta_IN te_IN th_TH tl_XX uk_UA ur_PK xh_ZA gl_ES sl_SI";
/// Codes of M2M-100.
const M2M100_CODES: &str = "af am ar ast az ba be bg bn br bs ca ceb cs cy da de el en es et fa ff fi fr fy ga gd gl gu ha he hi \
    hr ht hu hy id ig ilo is it ja jv ka kk km kn ko lb lg ln lo lt lv mg mk ml mn mr ms my ne nl no ns oc or pa pl ps pt ro ru \
    sd si sk sl so sq sr ss su sv sw ta th tl tn tr uk ur uz vi wo xh yi yo zh zu";
/// Codes of M2M-100's layout in models of WMT 2021.
const WMT21_CODES: &str = "en ha is ja cs ru zh de";
/// Codes of NLLB-200.
const NLLB_CODES: &str = "ace_Arab ace_Latn acm_Arab acq_Arab aeb_Arab afr_Latn ajp_Arab aka_Latn amh_Ethi apc_Arab arb_Arab \
    ars_Arab ary_Arab arz_Arab asm_Beng ast_Latn awa_Deva ayr_Latn azb_Arab azj_Latn bak_Cyrl bam_Latn ban_Latn bel_Cyrl \
    bem_Latn ben_Beng bho_Deva bjn_Arab bjn_Latn bod_Tibt bos_Latn bug_Latn bul_Cyrl cat_Latn ceb_Latn ces_Latn cjk_Latn \
    ckb_Arab crh_Latn cym_Latn dan_Latn deu_Latn dik_Latn dyu_Latn dzo_Tibt ell_Grek eng_Latn epo_Latn est_Latn eus_Latn \
    ewe_Latn fao_Latn pes_Arab fij_Latn fin_Latn fon_Latn fra_Latn fur_Latn fuv_Latn gla_Latn gle_Latn glg_Latn grn_Latn \
    guj_Gujr hat_Latn hau_Latn heb_Hebr hin_Deva hne_Deva hrv_Latn hun_Latn hye_Armn ibo_Latn ilo_Latn ind_Latn isl_Latn \
    ita_Latn jav_Latn jpn_Jpan kab_Latn kac_Latn kam_Latn kan_Knda kas_Arab kas_Deva kat_Geor knc_Arab knc_Latn kaz_Cyrl \
    kbp_Latn kea_Latn khm_Khmr kik_Latn kin_Latn kir_Cyrl kmb_Latn kon_Latn kor_Hang kmr_Latn lao_Laoo lvs_Latn lij_Latn \
    lim_Latn lin_Latn lit_Latn lmo_Latn ltg_Latn ltz_Latn lua_Latn lug_Latn luo_Latn lus_Latn mag_Deva mai_Deva mal_Mlym \
    mar_Deva min_Latn mkd_Cyrl plt_Latn mlt_Latn mni_Beng khk_Cyrl mos_Latn mri_Latn zsm_Latn mya_Mymr nld_Latn nno_Latn \
    nob_Latn npi_Deva nso_Latn nus_Latn nya_Latn oci_Latn gaz_Latn ory_Orya pag_Latn pan_Guru pap_Latn pol_Latn por_Latn \
    prs_Arab pbt_Arab quy_Latn ron_Latn run_Latn rus_Cyrl sag_Latn san_Deva sat_Beng scn_Latn shn_Mymr sin_Sinh slk_Latn \
    slv_Latn smo_Latn sna_Latn snd_Arab som_Latn sot_Latn spa_Latn als_Latn srd_Latn srp_Cyrl ssw_Latn sun_Latn swe_Latn \
    swh_Latn szl_Latn tam_Taml tat_Cyrl tel_Telu tgk_Cyrl tgl_Latn tha_Thai tir_Ethi taq_Latn taq_Tfng tpi_Latn tsn_Latn \
    tso_Latn tuk_Latn tum_Latn tur_Latn twi_Latn tzm_Tfng uig_Arab ukr_Cyrl umb_Latn urd_Arab uzn_Latn vec_Latn vie_Latn \
    war_Latn wol_Latn xho_Latn ydd_Hebr yor_Latn yue_Hant zho_Hans zho_Hant zul_Latn";

/// Codes of a class in the order of their ids, each as a token; none of a class that has no codes.
pub(super) fn tokens_of(class: &str, config: &Value) -> Vec<String> {
    let codes =
        |lists: &[&str]| lists.iter().flat_map(|list| list.split_whitespace()).map(str::to_owned).collect();
    match class {
        MBART => codes(&[MBART_CODES]),
        MBART50 => codes(&[MBART_CODES, MBART50_CODES]),
        NLLB => codes(&[NLLB_CODES]),
        M2M100 => {
            let list = if config["language_codes"] == "wmt21" { WMT21_CODES } else { M2M100_CODES };
            list.split_whitespace().map(|code| format!("__{code}__")).collect()
        }
        _ => Vec::new(),
    }
}

/// Place of the code in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CodePlace {
    /// Before the text: `code text </s>`.
    Front,
    /// Behind its end: `text </s> code`.
    End,
}

/// A language of a tokenizer.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Language {
    /// Code, as people give it.
    code: String,
    /// Token of the code.
    token: String,
    id: u32,
}

/// What a decoder is given before the text in a language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetPrefix {
    /// This token in place of the one that it otherwise begins with.
    Start(u32),
    /// This token behind the one that it begins with.
    First(u32),
}

/// Codes of languages of a tokenizer, and where they stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LanguageCodes {
    /// In the order of their ids.
    languages: Vec<Language>,
    place: CodePlace,
    /// Whether a target has the code in place of the token that the decoder begins with (mBART), and not at its own front.
    starts_target: bool,
    /// The token behind a text.
    end: (String, u32),
    /// Languages of sources, and of targets where nobody names another, by their places in the list.
    source: usize,
    target: usize,
}

impl LanguageCodes {
    /// The codes of a folder's tokenizer, whose `tokenizer.json` gets their template around texts; says whether it was another.
    ///
    /// # Errors
    /// As for [`Self::of`].
    pub(super) fn put(
        class: Option<&str>,
        files: &TokenizerFiles,
        json: &mut Value,
    ) -> Result<(Option<Self>, bool), ModelError> {
        let Some(codes) = Self::of(class, files, json)? else { return Ok((None, false)) };
        let template = codes.template();
        let is_other = json["post_processor"] != template;
        if is_other {
            json["post_processor"] = template;
        }
        Ok((Some(codes), is_other))
    }

    /// The codes of a folder's tokenizer, whose `tokenizer.json` is `json`; none where its class has no codes.
    ///
    /// # Errors
    /// When a token that the class needs is not in the vocabulary, or the settings name a language that is not.
    fn of(class: Option<&str>, files: &TokenizerFiles, json: &Value) -> Result<Option<Self>, ModelError> {
        let config = files.json(CONFIG)?;
        let fault = |message: String| ModelError::content(Path::new(CONFIG), message);
        let (usual, class) = match class {
            Some(class @ (MBART | MBART50)) => ("en_XX", class),
            Some(class @ NLLB) => ("eng_Latn", class),
            Some(class @ M2M100) => ("en", class),
            // Written by this program, in whose vocabulary they are.
            Some(_) => match config["src_lang"].as_str() {
                Some(code) if id_of(json, &format!("__{code}__")).is_some() => (code, M2M100),
                _ => return Ok(None),
            },
            None => return Ok(None),
        };
        let mut tokens = tokens_of(class, &config);
        if class == NLLB {
            // Later models have other languages.
            let added = json["added_tokens"].as_array().into_iter().flatten();
            let added = added.filter_map(|token| token["content"].as_str()).filter(|token| is_nllb(token));
            tokens.extend(added.map(str::to_owned));
        }
        let language = |token: String| {
            let id = u32::try_from(id_of(json, &token)?).ok()?;
            let bare = token.strip_prefix("__").and_then(|token| token.strip_suffix("__"));
            Some(Language { code: bare.unwrap_or(&token).to_owned(), token, id })
        };
        let mut languages: Vec<Language> = tokens.into_iter().filter_map(language).collect();
        languages.sort_by_key(|language| language.id);
        languages.dedup_by_key(|language| language.id);
        // A class that only follows from the model's type is none that the vocabulary was made for.
        if languages.is_empty() && !config["tokenizer_class"].is_string() {
            return Ok(None);
        }
        if languages.is_empty() {
            return Err(fault(format!(
                "a `{class}` has a token for each language, and the vocabulary has none of them"
            )));
        }
        let end = config["eos_token"].as_str().or_else(|| config["eos_token"]["content"].as_str());
        let end = end.unwrap_or("</s>").to_owned();
        let id = id_of(json, &end).and_then(|id| u32::try_from(id).ok());
        let id = id.ok_or_else(|| fault(format!("the vocabulary has no token `{}`", quoted(&end))))?;
        let is_legacy = class == NLLB && config["legacy_behaviour"] == true;
        let mut codes = Self {
            languages,
            place: if class == MBART || is_legacy { CodePlace::End } else { CodePlace::Front },
            starts_target: class == MBART,
            end: (end, id),
            source: 0,
            target: 0,
        };
        let named = |key: &str| match &config[key] {
            Value::Null => Ok(None),
            Value::String(code) => {
                codes.place_of(code).map(Some).map_err(|message| fault(format!("`{key}`: {message}")))
            }
            other => {
                Err(fault(format!("`{key}` is {}; it is the code of a language", quoted(&other.to_string()))))
            }
        };
        let source = match named("src_lang")? {
            Some(source) => source,
            // A vocabulary of other languages than the class was made for has none of its own.
            None => codes.place_of(usual).unwrap_or(0),
        };
        let target = named("tgt_lang")?.unwrap_or(source);
        codes.source = source;
        codes.target = target;
        Ok(Some(codes))
    }

    /// The place of a language: its code, or what stands before `_` in it where only one begins so.
    fn place_of(&self, code: &str) -> Result<usize, String> {
        if let Some(place) = self.languages.iter().position(|language| language.code == code) {
            return Ok(place);
        }
        let begins = |language: &Language| language.code.split('_').next() == Some(code);
        let mut beginning = self.languages.iter().enumerate().filter(|(_, language)| begins(language));
        match (beginning.next(), beginning.next()) {
            (Some((place, _)), None) => Ok(place),
            _ => Err(format!(
                "there is no language `{}`; there are {}",
                quoted(code),
                quoted(&self.codes().join(", "))
            )),
        }
    }

    /// The codes, in the order of their ids.
    pub(super) fn codes(&self) -> Vec<String> {
        self.languages.iter().map(|language| language.code.clone()).collect()
    }

    /// The same for sources of another language.
    pub(super) fn with_source(&self, code: &str) -> Result<Self, String> {
        Ok(Self { source: self.place_of(code)?, ..self.clone() })
    }

    /// The same in a vocabulary whose ids are others.
    pub(super) fn renumbered(&self, json: &Value) -> Option<Self> {
        let id = |token: &str| u32::try_from(id_of(json, token)?).ok();
        let languages: Option<Vec<Language>> = self
            .languages
            .iter()
            .map(|language| Some(Language { id: id(&language.token)?, ..language.clone() }))
            .collect();
        Some(Self { languages: languages?, end: (self.end.0.clone(), id(&self.end.0)?), ..self.clone() })
    }

    /// The template around sources, as `tokenizer.json` has it.
    pub(super) fn template(&self) -> Value {
        let Language { token, id, .. } = &self.languages[self.source];
        let (end, end_id) = &self.end;
        let special = |token: &str| json!({ "SpecialToken": { "id": token, "type_id": 0 } });
        let around = |names: &[&str]| {
            let texts = names.iter().map(|name| json!({ "Sequence": { "id": name, "type_id": 0 } }));
            let (code, end) = (special(token), special(end));
            match self.place {
                CodePlace::Front => std::iter::once(code).chain(texts).chain([end]).collect::<Vec<_>>(),
                CodePlace::End => texts.chain([end, code]).collect(),
            }
        };
        let mut known = serde_json::Map::new();
        for (token, id) in [(token, id), (end, end_id)] {
            known.insert(token.clone(), json!({ "id": token, "ids": [id], "tokens": [token] }));
        }
        json!({
            "type": "TemplateProcessing",
            "single": around(&["A"]),
            "pair": around(&["A", "B"]),
            "special_tokens": known,
        })
    }

    /// The tokens of a target with the special ones around them, in a language or that of the settings, as transformers has
    /// them; where the code stands in place of the first token of the decoder it is left out if `is_started`.
    pub(super) fn around_target(
        &self,
        ids: Vec<u32>,
        language: Option<&str>,
        is_started: bool,
    ) -> Result<Vec<u32>, String> {
        let place = language.map_or(Ok(self.target), |language| self.place_of(language))?;
        let code = self.languages[place].id;
        let mut all = Vec::with_capacity(ids.len() + 2);
        // A generated text begins with the code whatever the place in sources is.
        let is_front = self.place == CodePlace::Front || is_started && !self.starts_target;
        if is_front {
            all.push(code);
        }
        all.extend(ids);
        all.push(self.end.1);
        if !is_front && !is_started {
            all.push(code);
        }
        Ok(all)
    }

    /// What a decoder is given before a text in a language.
    pub(super) fn target_prefix(&self, language: &str) -> Result<TargetPrefix, String> {
        let id = self.languages[self.place_of(language)?].id;
        Ok(if self.starts_target { TargetPrefix::Start(id) } else { TargetPrefix::First(id) })
    }
}

/// Whether a token is a code such as NLLB has them: `hin_Deva`.
fn is_nllb(token: &str) -> bool {
    let Some((language, script)) = token.split_once('_') else { return false };
    language.len() == 3
        && script.len() == 4
        && language.bytes().all(|byte| byte.is_ascii_lowercase())
        && script.bytes().enumerate().all(|(place, byte)| {
            if place == 0 { byte.is_ascii_uppercase() } else { byte.is_ascii_lowercase() }
        })
}
