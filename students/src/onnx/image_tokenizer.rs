//! A tokenizer of images as graphs.

use alambic_models::ModelError;
use alambic_models::image_tokenizer::{CODES, ImageTokenizerConfig, Quantizer};
use alambic_tensor::parameters::Weights;

use super::blocks::OnnxWeights;
use super::builder::{Builder, Finished, Name, Storage, integer, integers};
use crate::StudentError;

/// The graphs. `encoder` takes `pixel_values` `[batch, 3, side, side]`, colours from -1 to 1, to `tokens` `[batch, places]` and the
/// `latents` that they are taken by; `decoder` takes `tokens` to `reconstruction` `[batch, 3, side, side]`.
pub(super) fn graphs(
    config: &ImageTokenizerConfig,
    weights: &Weights,
    storage: Storage,
) -> Result<Vec<(&'static str, Finished)>, StudentError> {
    if storage == Storage::Int8 {
        return Err(StudentError::Incompatible(
            "an image tokenizer is of convolutions, which are not stored in eight bits: `onnx` is the form that it has".into(),
        ));
    }
    let source = OnnxWeights(weights);
    Ok(vec![("encoder", encoder(config, &source, storage)?), ("decoder", decoder(config, &source, storage)?)])
}

fn encoder(
    config: &ImageTokenizerConfig,
    source: &OnnxWeights<'_>,
    storage: Storage,
) -> Result<Finished, ModelError> {
    let mut graph = Builder::new("encoder", storage);
    let (side, layers, blocks) = (config.image_size, config.num_layers, config.num_resnet_blocks);
    let shape = ["batch".into(), config.num_channels.into(), side.into(), side.into()];
    let mut grid = graph.numbers("pixel_values", &shape);
    for layer in 0..layers {
        let name = format!("encoder.{layer}.0");
        grid = convolution(&mut graph, source, &grid, &name, ("Conv", 4, 2))?;
        grid = graph.node("Relu", &[&grid], Vec::new());
    }
    for index in 0..blocks {
        grid = block(&mut graph, source, &grid, &format!("encoder.{}", layers + index))?;
    }
    let name = format!("encoder.{}", layers + blocks);
    let latents = convolution(&mut graph, source, &grid, &name, ("Conv", 1, 1))?;
    let width = config.latent_width();
    let rows = graph.integers("a row for each place", &[3], &[0, width as i64, config.places() as i64]);
    let latents = graph.node("Reshape", &[&latents, &rows], Vec::new());
    let latents = graph.node("Transpose", &[&latents], vec![integers("perm", &[0, 2, 1])]);
    let scores = match config.quantizer {
        Quantizer::Dvae => latents.clone(),
        Quantizer::Vq => {
            let codes = source.get(CODES)?;
            let turned = graph.table(CODES, &codes.t()?.contiguous()?)?;
            let halves = graph.vector("half the squares of the codes", &(codes.sqr()?.sum(1)? * 0.5)?)?;
            let products = graph.node("MatMul", &[&latents, &turned], Vec::new());
            graph.node("Sub", &[&products, &halves], Vec::new())
        }
    };
    let tokens = graph.node("ArgMax", &[&scores], vec![integer("axis", 2), integer("keepdims", 0)]);
    graph.whole_output(&tokens, "tokens", &["batch".into(), config.places().into()]);
    graph.output(&latents, "latents", &["batch".into(), config.places().into(), width.into()]);
    Ok(graph.finish())
}

fn decoder(
    config: &ImageTokenizerConfig,
    source: &OnnxWeights<'_>,
    storage: Storage,
) -> Result<Finished, ModelError> {
    let mut graph = Builder::new("decoder", storage);
    let tokens = graph.whole_numbers("tokens", &["batch".into(), config.places().into()]);
    let vectors = graph.look_up(CODES, source.get(CODES)?, &tokens)?;
    reconstruct(&mut graph, config, source, &vectors)?;
    Ok(graph.finish())
}

/// The output `reconstruction`, an image of the vectors of its places, `[batch, places, width]`.
pub(super) fn reconstruct(
    graph: &mut Builder,
    config: &ImageTokenizerConfig,
    source: &OnnxWeights<'_>,
    vectors: &str,
) -> Result<(), ModelError> {
    let (side, layers, blocks) = (config.image_size, config.num_layers, config.num_resnet_blocks);
    let (grid, width) = (config.grid() as i64, config.codebook_dim as i64);
    let vectors = graph.node("Transpose", &[vectors], vec![integers("perm", &[0, 2, 1])]);
    let places = graph.integers("rows and columns", &[4], &[0, width, grid, grid]);
    let mut grid = graph.node("Reshape", &[&vectors, &places], Vec::new());
    let start = usize::from(blocks > 0);
    if blocks > 0 {
        grid = convolution(graph, source, &grid, "decoder.0", ("Conv", 1, 1))?;
    }
    for index in 0..blocks {
        grid = block(graph, source, &grid, &format!("decoder.{}", start + index))?;
    }
    for layer in 0..layers {
        let name = format!("decoder.{}.0", start + blocks + layer);
        grid = convolution(graph, source, &grid, &name, ("ConvTranspose", 4, 2))?;
        grid = graph.node("Relu", &[&grid], Vec::new());
    }
    let name = format!("decoder.{}", start + blocks + layers);
    let colours = convolution(graph, source, &grid, &name, ("Conv", 1, 1))?;
    let shape = ["batch".into(), config.num_channels.into(), side.into(), side.into()];
    graph.output(&colours, "reconstruction", &shape);
    Ok(())
}

/// A convolution of a kernel and a stride, with a margin that keeps the sides, or halves or doubles them.
fn convolution(
    graph: &mut Builder,
    source: &OnnxWeights<'_>,
    grid: &str,
    name: &str,
    (operation, kernel, stride): (&str, i64, i64),
) -> Result<Name, ModelError> {
    let weight = format!("{name}.weight");
    let weight = graph.table(&weight, source.get(&weight)?)?;
    let bias = format!("{name}.bias");
    let bias = graph.vector(&bias, source.get(&bias)?)?;
    let margin = (kernel - 1) / 2;
    let attributes = vec![
        integers("kernel_shape", &[kernel; 2]),
        integers("strides", &[stride; 2]),
        integers("pads", &[margin; 4]),
    ];
    Ok(graph.node(operation, &[grid, &weight, &bias], attributes))
}

/// A residual block.
fn block(graph: &mut Builder, source: &OnnxWeights<'_>, grid: &str, name: &str) -> Result<Name, ModelError> {
    let mut inner = grid.to_owned();
    for (place, kernel) in [(0, 3), (2, 3), (4, 1)] {
        inner = convolution(graph, source, &inner, &format!("{name}.net.{place}"), ("Conv", kernel, 1))?;
        if place < 4 {
            inner = graph.node("Relu", &[&inner], Vec::new());
        }
    }
    Ok(graph.node("Add", &[grid, &inner], Vec::new()))
}
