//! Declarations of the families of text encoders.

mod albert;
mod bert;
mod deberta;
mod distilbert;
mod electra;
mod modern_bert;
mod mpnet;
mod nomic_bert;
mod roberta;
pub(super) mod xlm;

pub(super) use albert::Albert;
pub(super) use bert::{Bert, Published, default_epsilon, tenth};
pub(super) use deberta::DebertaV2;
pub(super) use distilbert::DistilBert;
pub(super) use electra::Electra;
pub(super) use modern_bert::ModernBert;
pub(super) use mpnet::MpNet;
pub(super) use nomic_bert::NomicBert;
pub(super) use roberta::{CamemBert, Roberta, XlmRoberta};
pub(super) use xlm::Xlm;
