//! Checks of students: their sizes, the models whose weights they take, what is frozen.

use alambic_models::Config;
use alambic_settings::reader::nearest;
use alambic_settings::{At, Diagnostic, Node};
use alambic_students::{
    ClipSizes, DualEncoder, EncoderDecoder, EncoderDecoderLayers, LxmertLayers, LxmertSizes, MatrixEmbedding,
    OscarSizes, PaliLayers, Student, UnimoSizes,
};

use super::checker::{Checker, list};
use super::model_info::ModelInfo;

impl Checker<'_> {
    /// Checks a student that a stage trains first. True if nothing is wrong.
    pub(super) fn check_student(&mut self, name: &str, student: &Student, position: usize) -> bool {
        self.check_overruled(name, student);
        let before = self.found.count();
        match student {
            Student::EncoderDecoder(options) => self.check_heads(name, options),
            Student::EncoderDecoderLayers(options) => self.check_layers(options, position),
            Student::Pali(_) | Student::ErnieVilg(_) => {
                for teacher in student.inner().source_models().into_iter().chain(student.inner().re_ranker())
                {
                    if self.check_checkpoint(teacher) {
                        self.check_order(teacher, position);
                    }
                }
            }
            Student::PaliLayers(options) => self.check_pali_layers(options, position),
            Student::Lxmert(LxmertSizes { detector, .. }) => self.check_detector(detector.as_ref(), position),
            Student::LxmertLayers(options) => {
                self.check_lxmert_layers(options, position);
                self.check_detector(options.detector.as_ref(), position);
            }
            Student::UnimoLayers(options) => {
                self.check_source_model("encoder", &options.teacher, options.layers.as_ref(), position);
                self.check_detector(options.detector.as_ref(), position);
            }
            Student::OscarLayers(options) => {
                self.check_source_model("encoder", &options.teacher, options.layers.as_ref(), position);
                self.check_detector(options.detector.as_ref(), position);
            }
            // Its sizes are compared with each other where it is configured.
            Student::Encoder(_) | Student::Fusion(_) | Student::Detector(_) | Student::ImageTokenizer(_) => {}
            Student::Matrix(options) => self.check_matrices(name, options),
            Student::Oscar(options) => {
                self.check_tags(options);
                for teacher in options.encoder.iter().chain(&options.detector) {
                    if self.check_checkpoint(teacher) {
                        self.check_order(teacher, position);
                    }
                }
            }
            Student::Unimo(UnimoSizes { encoder, detector, .. }) => {
                for teacher in encoder.iter().chain(detector) {
                    if self.check_checkpoint(teacher) {
                        self.check_order(teacher, position);
                    }
                }
            }
            Student::Static(options) => {
                self.check_source_model("encoder", &options.teacher, None, position);
            }
            Student::EncoderLayers(options) => {
                self.check_source_model("encoder", &options.teacher, options.layers.as_ref(), position);
            }
            Student::DualEncoder(DualEncoder { towers, .. }) | Student::Clip(ClipSizes { towers, .. }) => {
                if let Some(teacher) =
                    towers.teacher.as_ref().filter(|teacher| self.check_checkpoint(teacher))
                {
                    self.check_order(teacher, position);
                }
            }
        }
        self.found.count() == before
    }

    /// Checks the detector of a student's regions.
    fn check_detector(&mut self, detector: Option<&At<String>>, position: usize) {
        if let Some(teacher) = detector
            && self.check_checkpoint(teacher)
        {
            self.check_order(teacher, position);
        }
    }

    /// Warns of keys of a student that another key overrides.
    fn check_overruled(&mut self, name: &str, student: &Student) {
        let path = ["model", name, student.name()];
        let written = path.iter().try_fold(self.places.0, |node, key| node.get(key));
        let Some(written) = written.and_then(Node::members) else { return };
        for (decides, others) in student.inner().overridden_keys() {
            let idle: Vec<&str> =
                others.iter().map(String::as_str).filter(|key| written.contains_key(*key)).collect();
            let Some(first) = idle.first() else { continue };
            let place = |key: &str| self.places.key_origin(&[&path[..], &[key]].concat());
            let (first, decider) = (place(first), place(decides));
            let idle = list(idle.iter().copied());
            let message = format!("`{decides}` of student `{name}` overrides {idle}");
            let diagnostic = Diagnostic::warning("student::size", message)
                .label(&first, "has no effect")
                .label(&decider, "decides")
                .help(format!("leave out what has no effect, or `{decides}`"));
            self.report(diagnostic);
        }
    }

    /// Reports a width that does not divide into heads.
    fn check_heads(&mut self, name: &str, EncoderDecoder { sizes: options, .. }: &EncoderDecoder) {
        if !options.width.is_multiple_of(options.heads) {
            let place = |key: &str| self.places.origin(&["model", name, "encoder-decoder", key]);
            let (width, heads) = (place("width"), place("heads"));
            let message =
                format!("a width of {} does not divide into {} heads", options.width, options.heads);
            // Where one of the two is a default, its place is that of the table, which need not be shown twice.
            let mut diagnostic =
                Diagnostic::error("student::size", message).label(&heads, format!("{} heads", options.heads));
            if width != heads {
                diagnostic = diagnostic.label(&width, format!("width {}", options.width));
            }
            self.report(diagnostic);
        }
    }

    /// Reports sizes of matrix embeddings that do not fit each other.
    fn check_matrices(&mut self, name: &str, options: &MatrixEmbedding) {
        for (key, message) in options.faults() {
            let place = |key: &str| self.places.origin(&["model", name, "matrix", key]);
            let (own, side) = (place(key), place("side"));
            let mut diagnostic = Diagnostic::error("student::size", message).label(&own, "does not fit");
            if side != own {
                diagnostic = diagnostic.label(&side, format!("side {}", options.side));
            }
            self.report(diagnostic);
        }
    }

    /// Checks the layers of both stacks.
    fn check_layers(&mut self, options: &EncoderDecoderLayers, position: usize) {
        for (stack, source_model, chosen) in [
            ("encoder", &options.encoder, &options.encoder_layers),
            ("decoder", options.decoder.as_ref().unwrap_or(&options.encoder), &options.decoder_layers),
        ] {
            self.check_source_model(stack, source_model, chosen.as_ref(), position);
        }
    }

    /// Checks the layers of the three stacks of a PaLI.
    fn check_pali_layers(&mut self, options: &PaliLayers, position: usize) {
        for (stack, chosen) in [
            ("image", &options.image_layers),
            ("encoder", &options.encoder_layers),
            ("decoder", &options.decoder_layers),
        ] {
            self.check_source_model(stack, &options.teacher, chosen.as_ref(), position);
        }
    }

    /// Checks a teacher whose layers are taken, and the layers chosen of one of its stacks.
    fn check_source_model(
        &mut self,
        stack: &str,
        source_model: &At<String>,
        chosen: Option<&At<Vec<usize>>>,
        position: usize,
    ) {
        if !self.check_checkpoint(source_model) {
            return;
        }
        self.check_order(source_model, position);
        let (Some(info), Some(chosen)) = (self.models.checkpoint(source_model), chosen) else {
            return;
        };
        let streams = info.config.outline().streams;
        // The only stream of a text encoder has no name.
        let Some(stream) = streams.get(stack).or_else(|| streams.get("")) else { return };
        self.check_kept_layers(stack, stream.layers, source_model, chosen);
    }

    /// Checks an LXMERT whose layers are taken, and those chosen of each of its encoders.
    fn check_lxmert_layers(&mut self, options: &LxmertLayers, position: usize) {
        if !self.check_checkpoint(&options.teacher) {
            return;
        }
        self.check_order(&options.teacher, position);
        let info = self.models.checkpoint(&options.teacher);
        let Some(Config::Lxmert(teacher)) = info.map(|info| info.config.clone()) else { return };
        for (stack, layers, chosen) in [
            ("text encoder", teacher.l_layers, &options.language_layers),
            ("region encoder", teacher.r_layers, &options.vision_layers),
            ("cross-modal encoder", teacher.x_layers, &options.cross_layers),
        ] {
            if let Some(chosen) = chosen {
                self.check_kept_layers(stack, layers, &options.teacher, chosen);
            }
        }
    }

    /// Checks the layers chosen of a stack of so many.
    fn check_kept_layers(
        &mut self,
        stack: &str,
        layers: usize,
        source_model: &At<String>,
        chosen: &At<Vec<usize>>,
    ) {
        let message = match chosen.iter().find(|&&layer| layer == 0 || layer > layers) {
            Some(layer) => format!("the {stack} of `{}` has no layer {layer}", source_model.value),
            None if chosen.is_empty() => format!("no layer of the {stack} is kept"),
            None => return,
        };
        self.report(
            Diagnostic::error("student::layers", message)
                .label(&chosen.origin, format!("its layers are 1 to {layers}"))
                .label(&source_model.origin, format!("this teacher has {layers} {stack} layers")),
        );
    }

    /// Reports a language in which no corpus knows the tags that a student's detector gives.
    fn check_tags(&mut self, options: &OscarSizes) {
        let Some(language) = &options.tag_language else { return };
        let message = if options.detector.is_none() {
            "tags are put into another language where a detector gives them, and the student has none"
                .to_owned()
        } else if self.corpora.translated_tags(language).is_empty() {
            format!("no corpus translates tags to `{}`", language.value)
        } else {
            return;
        };
        self.error("data::language", message, &language.origin, "asked for here");
    }

    /// Warns of prefixes that freeze nothing.
    pub(super) fn check_freeze(&mut self, name: &str, prefixes: &[String], student: &ModelInfo) {
        let shapes = student.config.shapes();
        for (index, prefix) in prefixes.iter().enumerate() {
            if shapes.keys().any(|parameter| parameter.starts_with(prefix.as_str())) {
                continue;
            }
            let origin = self.places.origin(&["stage", name, "freeze", &index.to_string()]);
            let known: Vec<&str> = shapes.keys().map(String::as_str).collect();
            let label = match nearest(prefix, &known) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "names begin like `model.encoder.layers.0.`".to_owned(),
            };
            let message = format!("no parameter begins with `{prefix}`");
            self.report(Diagnostic::warning("recipe::freeze", message).label(&origin, label));
        }
    }
}
