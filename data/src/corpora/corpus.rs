//! Kinds of corpora, by their published format.

use alambic_settings::kinds;

use super::{
    Aksharantar, Beir, Choices, Conll, Copa, Dakshina, EasyVqa, Flickr30kEntities, Gqa, ImageCaptions,
    ImageQuestions, ImageSheet, Karpathy, MadeUpBoxes, MadeUpChoices, MadeUpEntailment, MadeUpOrders,
    MadeUpPairs, MadeUpPassages, MadeUpReviews, MadeUpScenes, MadeUpSearch, MadeUpTranslations, Moses,
    NamesTable, Nlvr, Nlvr2, OscarCaptions, OscarRetrieval, ParallelTable, ReadCorpus, Retrieval,
    SearchTable, Squad, Texts, Tmx, Vqa,
};
use crate::content::Content;
use crate::error::DataError;
use crate::mining::MinedParaphrases;
use crate::picture_choices::PictureChoices;
use crate::source::Extent;

kinds! {
    /// A corpus, by its published format.
    pub enum Corpus: dyn ReadCorpus {
        /// Names in several scripts, one column a language.
        NamesTable(NamesTable) = "names-table",
        /// Dakshina lexicons, one file a language.
        Dakshina(Dakshina) = "dakshina",
        /// Aksharantar word pairs, one file a language.
        Aksharantar(Aksharantar) = "aksharantar",
        /// Texts or pairs of texts, with or without labels.
        Texts(Texts) = "texts",
        /// Sentences whose words are tagged.
        Conll(Conll) = "conll",
        /// Parallel sentences, in a table.
        ParallelTable(ParallelTable) = "parallel-table",
        /// Parallel sentences, a file for each language.
        Moses(Moses) = "moses",
        /// Parallel sentences, in translation memories.
        Tmx(Tmx) = "tmx",
        /// Paraphrases, mined from sentences that have several translations.
        Mined(MinedParaphrases) = "mined",
        /// Questions about passages with answers out of them, as SQuAD publishes them.
        Squad(Squad) = "squad",
        /// Queries, passages and judgements of relevance, in a folder as BEIR and MTEB publish them.
        Beir(Beir) = "beir",
        /// Queries, passages, judgements of relevance and scores, in tables.
        Retrieval(Retrieval) = "retrieval",
        /// Queries with passages to train on, in a table: triples, or lists with labels and scores.
        SearchTable(SearchTable) = "search-table",
        /// Questions with choices, in a table.
        Choices(Choices) = "choices",
        /// Causes and effects of premises, two to choose from, as COPA, XCOPA and IndicXTREME publish them.
        Copa(Copa) = "copa",
        /// Questions about images in a folder, in a table.
        ImageQuestions(ImageQuestions) = "image-questions",
        /// Images in a folder with their captions, in a table.
        ImageCaptions(ImageCaptions) = "image-captions",
        /// Pictures in the cells of sheets with captions, tags and classes, in a table.
        ImageSheet(ImageSheet) = "image-sheet",
        /// Pictures of other corpora, each with several descriptions of which one is true.
        PictureChoice(PictureChoices) = "picture-choice",
        /// Captions of COCO, Flickr30k or Flickr8k with the splits of Karpathy.
        Karpathy(Karpathy) = "karpathy",
        /// Questions about photographs with the answers of ten people, as VQA v2 publishes them.
        Vqa(Vqa) = "vqa",
        /// Questions about photographs out of scene graphs, as GQA publishes them.
        Gqa(Gqa) = "gqa",
        /// Questions about drawn shapes, as easy-VQA publishes them.
        EasyVqa(EasyVqa) = "easy-vqa",
        /// Photographs with captions whose phrases stand for boxes, as Flickr30k Entities publishes them.
        Flickr30kEntities(Flickr30kEntities) = "flickr30k-entities",
        /// Captions of images whose regions are on record, as Oscar and VinVL publish them.
        OscarCaptions(OscarCaptions) = "oscar-captions",
        /// Images with captions whose regions are on record, as Oscar's and VinVL's retrieval is fine-tuned on them.
        OscarRetrieval(OscarRetrieval) = "oscar-retrieval",
        /// Statements about three boxes of coloured shapes, as NLVR publishes them.
        Nlvr(Nlvr) = "nlvr",
        /// Statements about two photographs, as NLVR2 publishes them.
        Nlvr2(Nlvr2) = "nlvr2",
        /// Made-up boxes of shapes with statements and questions about them, for trying a recipe without data.
        MadeUpBoxes(MadeUpBoxes) = "made-up-boxes",
        /// Made-up passages with questions about them, for trying a recipe without data.
        MadeUpPassages(MadeUpPassages) = "made-up-passages",
        /// Made-up causes and effects to choose from, for trying a recipe without data.
        MadeUpChoices(MadeUpChoices) = "made-up-choices",
        /// Made-up pairs of a caption and a statement that follows from it or does not, for trying a recipe without data.
        MadeUpEntailment(MadeUpEntailment) = "made-up-entailment",
        /// Made-up pairs of sentences, for trying a recipe without data.
        MadeUpPairs(MadeUpPairs) = "made-up-pairs",
        /// Made-up reviews, for trying a recipe without data.
        MadeUpReviews(MadeUpReviews) = "made-up-reviews",
        /// Made-up orders with tagged words, for trying a recipe without data.
        MadeUpOrders(MadeUpOrders) = "made-up-orders",
        /// Made-up scenes of coloured shapes with questions about them, for trying a recipe without data.
        MadeUpScenes(MadeUpScenes) = "made-up-scenes",
        /// Made-up shops that are searched, for trying a recipe without data.
        MadeUpSearch(MadeUpSearch) = "made-up-search",
        /// Made-up sentences in several languages, for trying a recipe without data.
        MadeUpTranslations(MadeUpTranslations) = "made-up-translations",
    }
}

impl ReadCorpus for Corpus {
    fn read(&self, extent: Extent) -> Result<Content, DataError> {
        self.inner().read(extent)
    }

    fn has_split_files(&self) -> [bool; 2] {
        self.inner().has_split_files()
    }
}
