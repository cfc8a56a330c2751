use super::metric::{Contribution, Direction, Metric, ReferenceSource, Value, always, never, ratio};
use super::prediction::{Prediction, PredictionKind};

/// Share of the shapes that a reference caption of a made-up scene names with a colour, and that occur once in the scene, to which a
/// written text gives their colour and no other; counts are summed over all examples. Where the colours of a source text are hidden,
/// the image alone tells them, by the shape. An adjective is right in any of its forms.
pub(super) static METRIC: Metric = Metric {
    name: "colour-accuracy",
    summary: "share of shapes that occur once in a made-up scene whose colour a written text gives",
    undefined: "no example of a scene whose reference gives the colour of a shape that occurs once",
    direction: Direction::Higher,
    is_share: true,
    reference_source: ReferenceSource::Labels,
    accepts: &[PredictionKind::Text],
    references: &[PredictionKind::Scene],
    suits: always,
    is_default: never,
    contributions: |pairs, _| {
        let own = |(text, reference): (Option<&str>, &Prediction)| match (text, reference) {
            (Some(text), Prediction::Scene(scene)) => {
                let counts = scene.captions.iter().map(|right| scene.contents.count_colours(text, right));
                // Of several right captions the one that the text is nearest to.
                let best = counts.max_by_key(|own| (own.right, std::cmp::Reverse(own.named)));
                let best = best.unwrap_or_default();
                Contribution::of_ratio(best.right as f64, best.named as f64)
            }
            _ => Contribution::none(),
        };
        pairs.iter().map(|pair| own((pair.prediction.text(), &*pair.reference))).collect()
    },
    value: Value::OfSums(ratio),
};

#[cfg(test)]
mod tests {
    use alambic_data::corpora::{MadeUpScenes, ReadCorpus};
    use alambic_data::{Content, Extent};
    use alambic_settings::{Node, read};

    use super::super::prediction::SceneReference;
    use super::super::score_all;
    use super::*;

    #[test]
    fn colours_of_scenes_are_right_in_their_own_captions() {
        let text = "images = 60\nquestions = 0\nside = 16\nmost = 3\ncaptions = 1\nlanguages = [\"en\", \"hi\", \"ja\"]\nfewest = 1";
        let options: MadeUpScenes = read(&Node::parse("scenes.toml", text).unwrap()).unwrap();
        let Content::Questions(dataset) = options.read(Extent::Whole).unwrap() else {
            unreachable!("scenes are images")
        };
        let images = &dataset.details.images;
        let in_language = |image: usize, language: &str| {
            images[image].captions[0].in_language(Some(language), Some("en")).unwrap().to_owned()
        };
        let references: Vec<Prediction> = (0..images.len())
            .map(|image| SceneReference {
                captions: vec![in_language(image, "hi")],
                contents: images[image].scene_contents().unwrap(),
            })
            .map(Prediction::Scene)
            .collect();
        let value = |written: Vec<String>| {
            let written: Vec<Prediction> = written.into_iter().map(Prediction::Text).collect();
            score_all(&["colour-accuracy"], &written, &references, 1).unwrap()[0].value().unwrap()
        };
        let count = images.len();
        assert_eq!(value((0..count).map(|image| in_language(image, "hi")).collect()), 1.0);
        assert_eq!(value((0..count).map(|image| in_language(image, "ja")).collect()), 1.0);
        assert_eq!(value(vec![String::new(); count]), 0.0);
        let others = value((0..count).map(|image| in_language((image + 1) % count, "hi")).collect());
        assert!(others < 0.3, "{others}");
        let none = [Prediction::Text("a red circle".into())];
        let scores = score_all(&["colour-accuracy"], &none, &[Prediction::Text("a red circle".into())], 1);
        assert_eq!(scores.ok().and_then(|scores| scores[0].value()), None);
    }
}
