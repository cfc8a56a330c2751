//! Questions whose wrong descriptions are the picture's own, rewritten to be false.

use rand::Rng;
use rand::seq::IndexedRandom;

use super::options::PictureChoices;
use super::question::PictureChoice;
use super::stream::stream;
use crate::dataset::Dataset;
use crate::pictures::Picture;
use crate::questions::Question;
use crate::rewriting::Rewriter;
use crate::split::Split;

/// A picture with the questions about it; none in the place of one that has too few wrong descriptions.
pub(super) struct RewrittenQuestions<'p> {
    pub(super) picture: &'p Picture,
    pub(super) questions: Vec<Option<PictureChoice>>,
}

/// The questions about the pictures of a split; pictures without a caption that is read are counted.
pub(super) fn rewritten<'p>(
    options: &PictureChoices,
    corpora: &[(&'p Dataset<Question>, Option<&Rewriter>)],
    split: Split,
    without: &mut usize,
) -> Vec<RewrittenQuestions<'p>> {
    let language = options.language.as_ref().map(|language| language.as_str());
    let mut all = Vec::new();
    for (corpus, rewriter) in corpora {
        let Some(rewriter) = rewriter else { continue };
        let own = corpus.details.languages.first().map(String::as_str);
        for image in corpus.images_of(split) {
            let picture = &corpus.details.images[image];
            if !options.has_style(picture) {
                continue;
            }
            let captions =
                picture.captions.iter().filter_map(|own_caption| own_caption.in_language(language, own));
            let captions: Vec<&str> = captions.map(str::trim).filter(|caption| !caption.is_empty()).collect();
            if captions.is_empty() {
                *without += 1;
                continue;
            }
            let question = |number: usize| question(options, rewriter, picture, &captions, number);
            all.push(RewrittenQuestions {
                picture,
                questions: (0..options.questions).map(question).collect(),
            });
        }
    }
    all
}

fn question(
    options: &PictureChoices,
    rewriter: &Rewriter,
    picture: &Picture,
    captions: &[&str],
    number: usize,
) -> Option<PictureChoice> {
    let levels = &rewriter.options().levels;
    let level = *levels.get(number % levels.len().max(1))?;
    let mut random = stream(options.seed, &["rewritten", &picture.name, &number.to_string()]);
    let caption = *captions.choose(&mut random)?;
    let wrong = options.choices - 1;
    let mut descriptions = rewriter.falsified(picture, caption, level, wrong, &mut random);
    if descriptions.len() < wrong {
        return None;
    }
    let answer = random.random_range(0..options.choices);
    descriptions.insert(answer, caption.to_owned());
    Some(PictureChoice { picture: 0, descriptions, answer, kind: Some(level.name().to_owned()) })
}
