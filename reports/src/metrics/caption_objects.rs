use super::f1::f1;
use super::metric::{Direction, Metric, ReferenceSource, Value, always, never};
use super::prediction::PredictionKind;
use super::writing::{of_scenes, sums};

/// F1 of the objects that captions of made-up scenes name by colour and shape, compared with those of the scene as multisets; counts
/// are summed over all examples.
pub(super) static METRIC: Metric = Metric {
    name: "caption-objects",
    summary: "F1 of the objects that captions of made-up scenes name by colour and shape",
    undefined: "no example of a scene",
    direction: Direction::Higher,
    is_share: true,
    reference_source: ReferenceSource::Labels,
    accepts: &[PredictionKind::Text],
    references: &[PredictionKind::Scene],
    suits: always,
    is_default: never,
    contributions: |pairs, _| {
        of_scenes(pairs, |caption, contents| {
            let counts = contents.count_objects(caption);
            sums([counts.right, counts.named, counts.present].map(|count| count as f64))
        })
    },
    value: Value::OfSums(|statistics| match *statistics {
        [right, named, present] => f1(right, named - right, present - right),
        _ => None,
    }),
};

#[cfg(test)]
mod tests {
    use alambic_data::corpora::{MadeUpScenes, ReadCorpus};
    use alambic_data::{Content, Extent, Picture};
    use alambic_settings::{Node, read};

    use super::super::prediction::{Prediction, SceneReference};
    use super::super::{default_metrics, score_all};
    use super::*;

    fn pictures() -> Vec<Picture> {
        let text = "images = 20\nquestions = 0\nside = 16\nfewest = 2\nmost = 5\nnoise = 0.0\ncaptions = 2";
        let options: MadeUpScenes = read(&Node::parse("scenes.toml", text).unwrap()).unwrap();
        match options.read(Extent::Whole).unwrap() {
            Content::Questions(dataset) => dataset.details.images,
            _ => unreachable!("scenes are images"),
        }
    }

    #[test]
    fn captions_of_scenes_are_true_of_their_own() {
        let pictures = pictures();
        let references: Vec<Prediction> = pictures
            .iter()
            .map(|own| SceneReference {
                captions: own.captions.iter().map(|caption| caption.text.clone()).collect(),
                contents: own.scene_contents().unwrap(),
            })
            .map(Prediction::Scene)
            .collect();
        let values = |captions: Vec<String>| {
            let outputs: Vec<Prediction> = captions.into_iter().map(Prediction::Text).collect();
            let names = ["caption-truth", "caption-objects", "text-exact-match", "chrf", "bleu-4"];
            let scores = score_all(&names, &outputs, &references, 1).unwrap();
            scores.values().map(|own| own.value().unwrap()).collect::<Vec<_>>()
        };
        let own = values(pictures.iter().map(|own| own.captions[1].text.clone()).collect());
        assert_eq!((own[0], own[2], own[3]), (1.0, 1.0, 1.0));
        let next = values(
            pictures.iter().cycle().skip(1).take(20).map(|own| own.captions[1].text.clone()).collect(),
        );
        assert!(next[0] < 0.3 && next[1] < own[1] && next[3] < 1.0, "{next:?} {own:?}");
        let shape = |own: &Picture| format!("a {}", own.objects[0].tag.split(' ').next_back().unwrap());
        let plain = values(pictures.iter().map(shape).collect());
        assert_eq!(plain[..2], [1.0, 0.0]);
        assert_eq!(values(vec![String::new(); 20])[..2], [0.0, 0.0]);
    }

    #[test]
    fn scenes_have_no_default_metrics() {
        let task =
            super::super::TaskDescription::from(PredictionKind::Text).with_references(PredictionKind::Scene);
        assert_eq!(default_metrics(task).count(), 0);
    }
}
