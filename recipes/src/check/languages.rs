//! Languages that models write.

use alambic_settings::{Diagnostic, Origin};
use alambic_teachers::{EndpointOutput, TARGET, TeacherOptions};

use super::checker::{Checker, list};

impl Checker<'_> {
    /// Checks that a teacher can write what is asked of it: `languages`, each with the place that asks for it. Looks at
    /// the languages in a chain too.
    pub(crate) fn check_writes(&mut self, teacher: &str, languages: &[(String, Origin)]) {
        match self.models.teachers.get(teacher) {
            Some(TeacherOptions::Pipeline(options)) => {
                for (index, step) in options.chain.iter().enumerate() {
                    let origin = self.places.origin(&[
                        "teacher",
                        teacher,
                        "pipeline",
                        "chain",
                        &index.to_string(),
                        "language",
                    ]);
                    if step.language == TARGET {
                        self.check_model_writes(&step.teacher, languages);
                        continue;
                    }
                    self.check_model_writes(&step.teacher, &[(step.language.clone(), origin.clone())]);
                    let last = index + 1 == options.chain.len();
                    let other = languages.iter().find(|(language, _)| last && *language != step.language);
                    if let Some((language, asked)) = other {
                        let message = format!(
                            "pipeline `{teacher}` writes `{}` and is asked for `{language}`",
                            step.language
                        );
                        self.report(
                            Diagnostic::error("teacher::language", message)
                                .label(asked, format!("asks for `{language}`"))
                                .label(&origin, "always writes this language")
                                .help("`language = \"target\"` is the language asked of the whole pipeline"),
                        );
                    }
                }
            }
            Some(TeacherOptions::Checkpoint(_)) => self.check_model_writes(teacher, languages),
            Some(TeacherOptions::Endpoint(options)) => {
                if *options.output != EndpointOutput::Text {
                    let message = format!(
                        "teacher `{teacher}` is asked for {} and writes no texts",
                        options.output.name()
                    );
                    let label = "`text` is what writes";
                    self.error("teacher::endpoint", message, &options.output.origin, label);
                }
                let first = languages.first().map(|(language, _)| language);
                if let Some((other, origin)) = languages.iter().find(|(language, _)| Some(language) != first)
                {
                    let message = format!(
                        "teacher `{teacher}` has one prompt, and is asked for several languages, `{other}` among them"
                    );
                    let label = "give each language a stage and a teacher of its own";
                    self.error("teacher::language", message, origin, label);
                }
            }
            _ => {}
        }
    }

    fn check_model_writes(&mut self, checkpoint: &str, languages: &[(String, Origin)]) {
        let Some(info) = self.models.checkpoint(checkpoint) else { return };
        let known = info.tokenizer.languages();
        let mut reported: Vec<&str> = Vec::new();
        for (language, origin) in languages {
            if !known.contains(language) && !reported.contains(&language.as_str()) {
                reported.push(language);
                let message = format!("model `{checkpoint}` does not write `{language}`");
                let label = format!("it writes {}", list(known.iter().map(String::as_str)));
                self.error("teacher::language", message, origin, label);
            }
        }
    }
}
