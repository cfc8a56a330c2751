//! The tensors of a model, known from its structure alone.

use indexmap::IndexMap;

use super::positions::Positions;
use super::structure::{DecoderNames, Stack, Structure};
use crate::layers::{EncoderNames, Shapes};

impl Structure {
    /// Name and shape of every parameter, in the order in which they are initialised. What published checkpoints
    /// hold besides, sinusoids and the bias of the logits, is no parameter.
    #[must_use]
    pub fn shapes(&self) -> IndexMap<String, Vec<usize>> {
        let mut shapes = Shapes::default();
        for table in self.word_tables {
            shapes.tensor(table.name, &[table.rows, self.width]);
        }
        let encoder = |shapes: &mut Shapes, names: &EncoderNames, widths: [usize; 2], intermediate_size| {
            shapes.attention_with(&names.attention, widths, self.has_biases);
            if let Some(norm) = &names.attention_norm {
                self.norm(shapes, norm);
            }
            let sizes = [self.width, intermediate_size];
            shapes.feed_forward(&names.feed_forward, names.gate.as_deref(), sizes, self.biases());
        };
        let decoder = |shapes: &mut Shapes, names: &DecoderNames, widths: [usize; 2], intermediate_size| {
            for (attention, norm) in
                [(&names.attention, &names.attention_norm), (&names.cross, &names.cross_norm)]
            {
                shapes.attention_with(attention, widths, self.has_biases);
                self.norm(shapes, norm);
            }
            let sizes = [self.width, intermediate_size];
            shapes.feed_forward(&names.feed_forward, names.gate.as_deref(), sizes, self.biases());
        };
        self.stack(&mut shapes, 0, &self.encoder, encoder);
        self.stack(&mut shapes, 1, &self.decoder, decoder);
        shapes.into_inner()
    }

    fn norm(&self, shapes: &mut Shapes, name: &str) {
        shapes.affine(name, &[self.width], self.biases().norm);
    }

    /// The tensors of the encoder (0) or the decoder (1).
    fn stack<N>(
        &self,
        shapes: &mut Shapes,
        index: usize,
        stack: &Stack<N>,
        layer: impl Fn(&mut Shapes, &N, [usize; 2], usize),
    ) {
        match &self.positions {
            Positions::Learned(names) => {
                let rows = self.positions.rows(self.max_length.unwrap_or(0));
                shapes.tensor(names[index].as_str(), &[rows, self.width]);
            }
            Positions::Relative { names, buckets } => {
                shapes.tensor(names[index].as_str(), &[buckets.count, stack.heads]);
            }
            Positions::Sinusoids(_) | Positions::Counted { .. } => {}
        }
        if let Some(norm) = &stack.embedding_norm {
            self.norm(shapes, norm);
        }
        for names in &stack.layers {
            let widths = [self.width, self.attention_width(stack.heads)];
            layer(shapes, names, widths, stack.intermediate_size);
        }
        if let Some(norm) = &stack.last_norm {
            self.norm(shapes, norm);
        }
    }
}
