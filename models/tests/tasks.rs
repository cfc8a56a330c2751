//! Encoders that go from one task to another.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use alambic_models::text_encoder::{
    Family, Head, HeadSpec, ProblemType, Structure, TextEncoder, TextEncoderConfig,
};
use alambic_tensor::Streams;
use alambic_tensor::candle::Tensor;

fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

#[test]
fn a_head_is_kept_for_its_own_task_and_made_anew_for_another() {
    for family in [Family::Bert, Family::Roberta, Family::DistilBert] {
        let config = TextEncoderConfig {
            family,
            head: Head::MaskedLanguage,
            pooler: false,
            untied: false,
            // What a published configuration is read as that says nothing of labels.
            labels: vec!["LABEL_0".into(), "LABEL_1".into()],
            problem_type: ProblemType::SingleLabel,
            pairs: None,
            vocabulary: 11,
            width: 8,
            layers: 1,
            heads: 2,
            intermediate_size: 12,
            activation: "gelu".into(),
            positions: 16,
            segments: 2,
            epsilon: 1e-12,
            padding: 0,
            dropout: 0.0,
            attention_dropout: 0.0,
            head_dropout: 0.0,
            structure: Structure::default(),
            pooling: None,
        };
        let given = TextEncoder::initial_weights(&config, &Streams::new(1)).unwrap();
        let language = HeadSpec { head: Head::MaskedLanguage, ..HeadSpec::none() };
        let (same, kept) = TextEncoder::with_head(&config, &given, &language, &Streams::new(2)).unwrap();
        assert!(kept.keys().eq(given.keys()), "{family:?}");
        assert!(kept.iter().all(|(name, tensor)| values(tensor) == values(&given[name])), "{family:?}");
        let labels = vec!["no".to_owned(), "yes".to_owned()];
        let classes = HeadSpec { head: Head::Sequence, labels, ..HeadSpec::none() };
        let (config, weights) = TextEncoder::with_head(&same, &kept, &classes, &Streams::new(2)).unwrap();
        for (name, tensor) in &weights {
            let new = config.is_of_head(name) || name.contains("pooler");
            assert_eq!(new, !given.contains_key(name), "{family:?}: {name}");
            assert!(new || values(tensor) == values(&given[name]), "{family:?}: {name}");
        }
    }
}
