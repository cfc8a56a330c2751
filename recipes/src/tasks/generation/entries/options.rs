//! Keys of the data: what is read of an image and a text, and what is written.

use alambic_settings::{At, OneOrMany, choices, settings};

use super::caption_mask::CaptionMaskOptions;
use super::contrast::options::ContrastEntry;
use crate::tasks::fractions::ScaleFractions;

choices! {
    /// What is written.
    pub enum Written {
        /// The answer of a question with the highest score.
        Answer = "answer",
        /// A caption; each caption of an image is an example.
        Caption = "caption",
        /// The text that is read in another language.
        Text = "text",
        /// Spans that are left out of a text, each behind the token that stands in its place.
        Spans = "spans",
        /// The image of a caption, in tokens of the student's image tokenizer; each caption of an image is an example.
        ImageTokens = "image-tokens",
    }
}

choices! {
    /// What is read.
    pub enum Read {
        /// The image: its patches, or its regions for a model that reads a prompt beside these (UNIMO).
        Image = "image",
        /// The image in tokens of the student's image tokenizer, and nothing else: its captions are written.
        ImageTokens = "image-tokens",
        /// The regions of the image and the tags of the objects in them, and nothing else: captions are written, a word in place of a
        /// mask.
        Regions = "regions",
        /// The prompt, in which the question and the language stand.
        Prompt = "prompt",
        /// A text in one language, a caption or a sentence, which stands in the prompt; where spans are written, a text by itself, and where
        /// image tokens are, a caption by itself.
        Text = "text",
    }
}

choices! {
    /// Words of a text that are hidden.
    pub enum Hidden {
        /// Words of colours, in whatever form; those of the languages of made-up scenes are known.
        Colours = "colours",
    }
}

settings! {
    /// What is read and what is written, as PaLI has every task of images and languages (Chen et al., 2022): a prompt says what is
    /// asked for.
    pub struct GenerationEntry {
        /// Names of corpora of questions about images, or of images with captions; of texts alone also of parallel sentences, and of
        /// texts of which spans are written.
        pub data: Vec<At<String>>,
        /// What is read, in this order. Without `image` a question is answered by itself, which is what a model should be better than.
        pub reads: Vec<Read> = vec![Read::Image, Read::Prompt],
        /// What is written.
        pub writes: Written,
        /// The prompt: `{question}` stands for the question, `{text}` for the text, `{language}` for the code of the language to write
        /// in. Left out: `Answer in {language}: {question}`, `Caption in {language}:`, or `Translate to {language}: {text}`.
        pub prompt: Option<At<String>>,
        /// The languages in which is asked and written, by their codes, one of them drawn anew for each example and epoch. Left out:
        /// the corpora's own.
        pub languages: OneOrMany<At<String>> = OneOrMany(Vec::new()),
        /// The language in which questions of any language are answered. Left out: that of the question.
        pub answer_language: Option<At<String>>,
        /// Directions in which texts are translated, such as `en-hi` or `*-ja`, one of them drawn anew for each example and epoch. Left
        /// out: from each of `languages` into each other.
        pub directions: Vec<At<String>> = Vec::new(),
        /// Words of the text for which `[?]` stands, so that only the image tells them.
        pub hide: Option<At<Hidden>>,
        /// Share of the images or texts; smaller shares lie within larger ones.
        #[range(0.0..=1.0)]
        pub fraction: f64 = 1.0,
        /// Share of the images whose labels are trained on; smaller shares lie within larger ones. For the others the stage's teacher
        /// writes, or draws, and what it wrote is the target of `sequence` and of `word-level`.
        #[range(0.0..=1.0)]
        pub labelled: f64 = 1.0,
        /// The languages among `languages` in which labels are trained on; in the others the teacher writes. Left out: all.
        pub labelled_languages: OneOrMany<At<String>> = OneOrMany(Vec::new()),
        /// Beams of the teacher where it writes.
        #[range(1..=1024)]
        pub teacher_beam: usize = 4,
        /// Images that the teacher draws of a caption where it draws, of which the best is learnt: by the re-ranker in its folder, or the
        /// likeliest.
        #[range(1..=1024)]
        pub teacher_candidates: usize = 8,
        /// Share of the tokens of a text that are left out, where spans are written.
        #[range(0.001..=0.999)]
        pub noise_density: f64 = 0.15,
        /// Mean number of tokens of a span.
        #[range(1.0..=1000.0)]
        pub mean_span_length: f64 = 3.0,
        /// Which words of a caption are masked in training, where regions are read.
        pub mask: CaptionMaskOptions,
        /// How often a batch is of this entry, to the shares of the others. Batches are of one entry.
        #[range(0.001..=1_000_000.0)]
        pub share: f64 = 1.0,
        /// Whether the test splits of the evaluation are asked about as this entry asks. Those entries that are write one thing: answers
        /// and captions are measured in runs of their own.
        pub evaluated: bool = true,
        /// Most tokens of a prompt, the special ones included; what is longer is cut.
        #[range(4..=1_048_576)]
        pub max_length: usize = 64,
        /// Most tokens of a written text, the end included; examples with longer ones are left out.
        #[range(2..=1_048_576)]
        pub max_new_tokens: usize = 24,
    }
}

impl GenerationEntry {
    /// Whether images are read, as patches, as tokens or as regions.
    pub(super) fn reads_images(&self) -> bool {
        self.reads.contains(&Read::Image) || self.reads.contains(&Read::ImageTokens) || self.reads_regions()
    }

    /// Whether regions of images are read.
    pub(super) fn reads_regions(&self) -> bool {
        self.reads.contains(&Read::Regions)
    }

    /// Whether images are written, in tokens.
    pub(super) fn draws(&self) -> bool {
        self.writes == Written::ImageTokens
    }

    /// Whether tokens of images are read or written.
    pub(super) fn has_image_tokens(&self) -> bool {
        self.draws() || self.reads.contains(&Read::ImageTokens)
    }

    /// The prompt of a question, or of a text to be translated, in a language; captions have neither, and a language may not be known.
    pub(super) fn prompt(&self, question: &str, language: Option<&str>) -> String {
        let placeholder = if self.writes == Written::Text { "{text}" } else { "{question}" };
        if !self.reads.contains(&Read::Prompt) && !self.reads.contains(&Read::Text) {
            return String::new();
        }
        let usual = match (self.writes, language) {
            (Written::Answer, Some(_)) => "Answer in {language}: {question}",
            (Written::Answer, None) => "{question}",
            (Written::Caption, Some(_)) => "Caption in {language}:",
            (Written::Caption, None) => "Caption:",
            (Written::Text, Some(_)) => "Translate to {language}: {text}",
            (Written::Text, None) => "{text}",
            // A text is read by itself.
            (Written::Spans | Written::ImageTokens, _) => "",
        };
        let prompt = self.prompt.as_ref().map_or(usual, |prompt| prompt.as_str());
        // The question may have braces of its own, and comes last.
        prompt.replace("{language}", language.unwrap_or_default()).replace(placeholder, question)
    }
}

settings! {
    /// Texts that are written about images, and pairs of images and texts that are contrasted.
    pub struct WrittenData {
        /// What is read and what is written, one entry a kind of example.
        pub generation: OneOrMany<GenerationEntry> = OneOrMany(Vec::new()),
        /// What is contrasted, one entry a kind of pairs.
        pub contrast: OneOrMany<ContrastEntry> = OneOrMany(Vec::new()),
    }
}

impl WrittenData {
    /// Whether no entry is about images.
    pub(super) fn writes_only_spans(&self) -> bool {
        self.contrast.is_empty()
            && !self.generation.is_empty()
            && self.generation.iter().all(|entry| entry.writes == Written::Spans)
    }

    /// The entry by which spans of the test splits are written, if it is spans that are evaluated.
    pub(super) fn evaluated_spans(&self) -> Option<&GenerationEntry> {
        self.evaluated().into_iter().next().filter(|entry| entry.writes == Written::Spans)
    }

    /// The entries by which the test splits are asked about.
    pub(super) fn evaluated(&self) -> Vec<&GenerationEntry> {
        self.generation.iter().filter(|entry| entry.evaluated).collect()
    }

    /// Whether tokens of images are written.
    pub(super) fn draws(&self) -> bool {
        self.generation.iter().any(GenerationEntry::draws)
    }

    /// The entry by which images of the test splits are drawn, if it is images that are evaluated.
    pub(super) fn evaluated_drawing(&self) -> Option<&GenerationEntry> {
        self.evaluated().into_iter().next().filter(|entry| entry.draws())
    }

    /// Whether texts are written in training: entries of no share are there for the vocabulary and the evaluation.
    pub(super) fn writes(&self) -> bool {
        self.generation.iter().any(|entry| entry.fraction > 0.0)
    }

    /// Whether parallel sentences can be evaluated: texts are translated, or contrasted, without an image.
    pub(super) fn evaluates_sentences(&self) -> bool {
        self.evaluated().iter().any(|entry| entry.writes == Written::Text && !entry.reads_images())
            || self.searched().iter().any(|entry| !entry.reads_images())
    }

    /// The entries of pairs by which the test splits are searched.
    pub(super) fn searched(&self) -> Vec<&ContrastEntry> {
        self.contrast.iter().filter(|entry| entry.evaluated).collect()
    }
}

impl ScaleFractions for WrittenData {
    fn scale_fractions(&mut self, share: f64) {
        self.generation.0.iter_mut().for_each(|own| own.fraction *= share);
        self.contrast.0.iter_mut().for_each(|own| own.fraction *= share);
    }
}
