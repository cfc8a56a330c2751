//! Encoder-decoders in BART's layout: Marian (Junczys-Dowmunt et al., 2018), BART (Lewis et al., 2020), mBART (Liu et al., 2020;
//! Tang et al., 2020) and M2M-100 (Fan et al., 2021), in which NLLB (Costa-jussà et al., 2022) is published, too.
//!
//! | family | norms | positions | logits |
//! | --- | --- | --- | --- |
//! | Marian | behind the sublayers | sinusoids | `final_logits_bias` |
//! | BART | behind the sublayers, and of the embeddings | learned, from row 2 on | `final_logits_bias` |
//! | mBART | before the sublayers, of the embeddings, and behind each stack | as BART | `final_logits_bias` |
//! | M2M-100 | before the sublayers, and behind each stack | sinusoids over tokens that are not padding | no bias |

mod architecture;
mod config;
mod family;
mod initial;
mod names;
mod tables;

pub use config::BartConfig;
pub use family::BartFamily;
pub use tables::WordTables;
