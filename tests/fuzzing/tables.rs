//! Targets that read data.

use std::fs;
use std::io::{Cursor, Write};
use std::path::Path;
use std::sync::Arc;

use alambic_data::corpora::{Corpus, ReadCorpus};
use alambic_data::mixing::{Dictionary, Mixer, MixingOptions, words_of};
use alambic_data::{Dataset, Extent, Picture, QuestionDetails, Raster, ReadStatistics, RegionFiles};
use alambic_settings::{Location, Node, OneOrMany, Setting, read};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// What is said of corpora that tables of a recipe in `folder` declare, where they are refused.
fn corpora(folder: &Path, declared: &[&str]) -> Vec<String> {
    let refused = |corpus: &Corpus, extent| corpus.read(extent).err().map(|error| error.to_string());
    declared
        .iter()
        .map(|table| read(&Node::parse(folder.join("recipe.toml"), table).unwrap()).unwrap())
        .flat_map(|corpus: Corpus| [Extent::Head, Extent::Whole].map(|extent| refused(&corpus, extent)))
        .flatten()
        .collect()
}

pub(super) fn csv(folder: &Path) -> Vec<String> {
    corpora(
        folder,
        &[
            "texts = { paths = 'table.csv', label = 'label' }",
            "texts = { paths = 'table.csv', number = 'label', quoting = 'none' }",
            "texts = { paths = 'table.csv', header = false, text = '1', label = '2', classes = ['a', 'b'] }",
            "parallel-table = { paths = 'table.csv', columns = { en = 'text', hi = 'label' } }",
            "image-captions = { paths = 'table.csv', images = '.', caption = 'text', image = 'label' }",
        ],
    )
}

pub(super) fn tsv(folder: &Path) -> Vec<String> {
    corpora(
        folder,
        &[
            "texts = { paths = 'table.tsv', label = 'label' }",
            "texts = { paths = 'table.tsv', number = 'label', quoting = 'double-quotes' }",
            "texts = { paths = 'table.tsv', header = false, text = '1', second = '2' }",
            "texts = { paths = { en = 'table.tsv' } }",
            "texts = { paths = 'table.tsv', language-column = 'label' }",
            "names-table = { path = 'table.tsv' }",
            "dakshina.paths = { hi = 'table.tsv' }",
            "image-questions = { paths = 'table.tsv', images = '.', question = 'text', image = 'label', answer = 'split' }",
        ],
    )
}

pub(super) fn json(folder: &Path) -> Vec<String> {
    corpora(
        folder,
        &[
            "texts = { paths = 'table.jsonl', label = 'label' }",
            "texts = { paths = 'table.jsonl', text = 'data.text', number = 'data.score' }",
            "aksharantar.paths = { hi = 'table.jsonl' }",
            "parallel-table = { paths = 'table.jsonl', columns = { en = 'translation.en', hi = 'translation.hi' } }",
        ],
    )
}

pub(super) fn parquet(folder: &Path) -> Vec<String> {
    corpora(
        folder,
        &[
            "texts = { paths = 'table.parquet', label = 'label' }",
            "texts = { paths = 'table.parquet', text = 'data.text', number = 'score' }",
        ],
    )
}

pub(super) fn conll(folder: &Path) -> Vec<String> {
    corpora(
        folder,
        &[
            "conll.paths = 'tagged.conll'",
            "conll = { paths = 'tagged.conll', word = 2, tag = 4, comment = '#', scheme = 'runs' }",
            "conll = { paths = 'tagged.conll', tag = 2, scheme = 'runs-bioes' }",
            "conll = { paths = 'tagged.conll', unlabelled = true }",
        ],
    )
}

/// Dictionaries to languages with and without a script in their code, and what they have of a text.
pub(super) fn dictionary(folder: &Path) -> Vec<String> {
    let read_one = |language: &str| {
        let dictionary = Dictionary::read(&Location::File(folder.join("en-de.tsv")), language)
            .map_err(|error| error.to_string())?;
        let options = MixingOptions::when_absent().unwrap();
        let mixer = Mixer::new(&options, vec![(language.to_owned(), Arc::new(dictionary))], None);
        let text = "The sky, (don't) — \u{a0}हिन्दी 天空.";
        assert!(mixer.coverage(words_of(text)).iter().all(|coverage| coverage.found <= coverage.words));
        assert!(mixer.translations(std::iter::once(text)).iter().all(|translation| !translation.is_empty()));
        Ok(())
    };
    ["de", "zh-Hans"].into_iter().filter_map(|language| read_one(language).err()).collect()
}

pub(super) fn moses(folder: &Path) -> Vec<String> {
    corpora(folder, &["moses.paths = { en = 'lines.en', hi = 'lines.hi' }"])
}

pub(super) fn hindi_lines(folder: &Path) {
    fs::write(folder.join("lines.hi"), "बचाओ!\nखोलें\n").unwrap();
}

pub(super) fn tmx(folder: &Path) -> Vec<String> {
    corpora(
        folder,
        &[
            "tmx = { paths = 'memory.tmx', languages = ['en', 'hi'] }",
            "tmx = { paths = 'memory.tmx', languages = ['en-US', 'en-GB'], script = false }",
        ],
    )
}

/// Sheets of two by two cells, and the table of their cells.
pub(super) fn sheet(folder: &Path) {
    let raster = Raster { width: 4, height: 4, rgb: Arc::new(vec![7; 48]) };
    fs::write(folder.join("sheet.png"), raster.to_png().unwrap()).unwrap();
}

pub(super) fn image_sheet(folder: &Path) -> Vec<String> {
    corpora(
        folder,
        &[
            "image-sheet = { table = 'cells.tsv', sheets = 'sheet.png', side = 2, border = 0 }",
            "image-sheet = { table = 'cells.tsv', sheets = { a = 'sheet.png' }, side = 2, border = 0, group = 'base-emoji', captions = ['name_en', 'name_hi'] }",
            "image-sheet = { table = 'cells.tsv', sheets = { column = 'file' }, side = 2, border = 0, class = 'kind', tags = 'kind', mirror = 'mirror', group = 'kind' }",
            "image-sheet = { table = 'cells.tsv', sheets = 'cells.tsv', captions = [] }",
        ],
    )
}

/// An image of one pixel.
pub(super) fn image(folder: &Path) {
    let raster = Raster { width: 1, height: 1, rgb: Arc::new(vec![1, 2, 3]) };
    let file = raster.to_png().unwrap();
    for name in ["1.jpg", "000000000001.jpg"] {
        fs::write(folder.join(name), &file).unwrap();
    }
}

pub(super) fn vqa_questions(folder: &Path) {
    image(folder);
    let questions = r#"{"questions": [{"image_id": 1, "question": "What is it?", "question_id": 10}]}"#;
    fs::write(folder.join("questions.json"), questions).unwrap();
}

/// Annotations beside questions, and the same file in the place of the questions.
pub(super) fn vqa(folder: &Path) -> Vec<String> {
    corpora(
        folder,
        &[
            "vqa = { questions = 'questions.json', annotations = 'annotations.json', images = '.', image-name = '{}.jpg', min-answer-count = 1 }",
            "vqa = { questions = 'annotations.json', annotations = 'annotations.json', images = '.', image-name = '{}.jpg' }",
        ],
    )
}

pub(super) fn gqa(folder: &Path) -> Vec<String> {
    corpora(folder, &["gqa = { questions = 'questions.json', images = '.' }"])
}

pub(super) fn karpathy(folder: &Path) -> Vec<String> {
    corpora(folder, &["karpathy = { file = 'dataset.json', images = '.' }"])
}

/// Passages and queries beside judgements.
pub(super) fn search(folder: &Path) {
    let rows = |rows: &[&str]| rows.join("\n");
    let passages =
        rows(&[r#"{"_id": "p1", "title": "t", "text": "bells"}"#, r#"{"_id": "p2", "text": "lamps"}"#]);
    fs::write(folder.join("corpus.jsonl"), passages).unwrap();
    fs::write(folder.join("queries.jsonl"), rows(&[r#"{"_id": "q1", "text": "what rings"}"#])).unwrap();
}

pub(super) fn qrels(folder: &Path) -> Vec<String> {
    corpora(
        folder,
        &[
            "retrieval = { passages = 'corpus.jsonl', queries = 'queries.jsonl', qrels = 'qrels.tsv' }",
            "retrieval = { passages = 'corpus.jsonl', queries = 'queries.jsonl', scores = 'qrels.tsv' }",
        ],
    )
}

pub(super) fn choices(folder: &Path) -> Vec<String> {
    corpora(
        folder,
        &[
            "choices = { paths = 'choices.jsonl' }",
            "choices = { paths = 'choices.jsonl', prompt = ['premise', 'question'], choices = ['choice1', 'choice2'], first-label = 1 }",
            "copa = { paths = 'choices.jsonl' }",
            "copa = { paths = 'choices.jsonl', template = 'indicxtreme' }",
        ],
    )
}

pub(super) fn search_table(folder: &Path) -> Vec<String> {
    corpora(folder, &["search-table = { paths = 'lists.jsonl' }"])
}

pub(super) fn squad(folder: &Path) -> Vec<String> {
    corpora(folder, &["squad = { paths = 'squad.json' }"])
}

/// The tables of recipes.
pub(super) fn names_and_reviews(folder: &Path) {
    let table = "en\thi\tta\tsplit\nRam\tराम\tராம்\ttrain\nSita\tसीता\tசீதா\ttest\nGita\tगीता\tகீதா\tvalidation\n";
    fs::write(folder.join("names.tsv"), table).unwrap();
    let rows = (0..20).map(|row| {
        let label = if row % 2 == 0 { "good" } else { "bad" };
        let split = if row < 15 { "train" } else { "test" };
        format!("a film of number {row}\t{label}\t{split}\n")
    });
    let reviews: String = std::iter::once("text\tlabel\tsplit\n".to_owned()).chain(rows).collect();
    fs::write(folder.join("reviews.tsv"), reviews).unwrap();
}

/// A recipe whose table is the input.
pub(super) fn recipe_of_table(folder: &Path) {
    let recipe = r#"schema = 1
name = "checked"
stages = ["learn"]
data.reviews.corpus.texts = { paths = "checked.tsv", label = "label" }
data.reviews.split = { test-values = ["test"], validation-fraction = 0.5 }
model.small.encoder = { width = 16, layers = 1, heads = 2, feed-forward = 32 }
stage.learn = { student = "small", data.texts.data = ["reviews"], loss.cross-entropy = {}, train.steps = 1 }
evaluation = { data = ["reviews"], metrics = ["accuracy", "f1"] }
"#;
    fs::write(folder.join("recipe.toml"), recipe).unwrap();
}

pub(super) fn picture(folder: &Path) -> Vec<String> {
    let loaded = Picture::of_file(folder.join("picture.png")).load();
    loaded.err().map(|error| error.to_string()).into_iter().collect()
}

pub(super) fn regions(folder: &Path) -> Vec<String> {
    attached(&folder.join("features.tsv"))
}

/// A folder of archives.
pub(super) fn archive(folder: &Path) -> Vec<String> {
    attached(folder)
}

/// What is said of features of the image `1.jpg`, where they are refused or cannot be read again.
fn attached(features: &Path) -> Vec<String> {
    let mut said = Vec::new();
    for (extent, memory_gb) in [(Extent::Head, 1.0), (Extent::Whole, 1.0), (Extent::Whole, 0.0)] {
        let features = OneOrMany(vec![Location::File(features.to_owned())]);
        let files = RegionFiles {
            features,
            tags: OneOrMany(Vec::new()),
            object_names: None,
            attribute_names: None,
            max_regions: 50,
            memory_gb,
        };
        let images = vec![Picture::of_file("1.jpg".into())];
        let details = QuestionDetails { images, ..QuestionDetails::default() };
        let mut corpus = Dataset::new(Vec::new(), details, ReadStatistics::default(), String::new());
        said.extend(files.attach(&mut corpus, extent).err().map(|error| error.to_string()));
        let found = corpus.details.images.iter().filter_map(|picture| picture.regions.as_ref());
        said.extend(found.filter_map(|found| found.load().err()).map(|error| error.to_string()));
    }
    said
}

/// An archive in which the input is the array of features, beside sound boxes.
pub(super) fn archive_of(bytes: &[u8]) -> Vec<u8> {
    let header = format!("{:<117}\n", "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 4), }");
    let boxes = [0.0f32, 0.0, 0.5, 0.5, 0.0, 0.0, 1.0, 1.0].map(f32::to_le_bytes);
    let boxes = [b"\x93NUMPY\x01\x00\x76\x00", header.as_bytes(), boxes.as_flattened()].concat();
    zip(&[("features.npy", bytes), ("norm_bb.npy", &boxes)])
}

/// A ZIP archive of files as they are.
pub(super) fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for (name, bytes) in entries {
        writer.start_file(*name, options).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}
