//! Embeddings of images as parts of graphs.

use alambic_models::ModelError;

use super::blocks::{OnnxWeights, cast};
use super::builder::{Builder, Name, integer, integers};
use super::proto::{Extent, element};

/// Sizes and names of the embeddings of patches.
pub(super) struct PatchTables {
    pub(super) channels: usize,
    /// The side of a patch.
    pub(super) patch: usize,
    /// Rows and columns of the table of positions.
    pub(super) grid: usize,
    /// The convolution over patches, `.weight` left out.
    pub(super) projection: String,
    /// Whether it has a bias.
    pub(super) has_bias: bool,
    /// The table of positions, that of the first token before those of the patches.
    pub(super) positions: String,
}

/// Patches of images and what is needed to read them.
pub(super) struct Embedded {
    /// `[batch, patches, width]`.
    pub(super) patches: Name,
    /// `[batch, patches]`, whole numbers: 1 for a patch of the image.
    pub(super) mask: Name,
}

impl PatchTables {
    /// The input `pixel_values`, squares of the size for which positions are stored.
    pub(super) fn squares(&self, graph: &mut Builder, batch: &str) -> Name {
        let side = Extent::from(self.grid * self.patch);
        graph.numbers("pixel_values", &[batch.into(), self.channels.into(), side.clone(), side])
    }

    /// The patches of squares, `[batch, grid * grid, width]`, without their positions.
    pub(super) fn embed_squares(
        &self,
        graph: &mut Builder,
        source: &OnnxWeights<'_>,
        pixels: &str,
    ) -> Result<Name, ModelError> {
        let (grid, patch) = (self.grid as i64, self.patch as i64);
        let shape = [0, self.channels as i64, grid, patch, grid, patch];
        let shape = graph.integers("rows and columns", &[6], &shape);
        let flat = graph.integers("a patch a row", &[3], &[0, grid * grid, self.numbers()]);
        let patches = cut(graph, pixels, &shape, &flat);
        self.project(graph, source, &patches)
    }

    /// Numbers of a patch.
    fn numbers(&self) -> i64 {
        (self.channels * self.patch * self.patch) as i64
    }

    /// A convolution over patches that do not overlap is a linear layer over each.
    fn project(
        &self,
        graph: &mut Builder,
        source: &OnnxWeights<'_>,
        patches: &str,
    ) -> Result<Name, ModelError> {
        let weight = source.get(&format!("{}.weight", self.projection))?.flatten_from(1)?;
        if self.has_bias {
            let bias = source.get(&format!("{}.bias", self.projection))?;
            return graph.linear(patches, &self.projection, &weight, bias);
        }
        graph.product(patches, &format!("{}.weight", self.projection), &weight)
    }

    /// The patches of images of any size with their positions, by the inputs `pixel_values` `[batch, channels, height,
    /// width]` and `pixel_mask` `[batch, height, width]`: the image is the upper left part that the mask has. Positions are
    /// interpolated, bilinear with the corners aligned. Of more than `most` patches of an image those are read that are
    /// spread evenly.
    pub(super) fn embed_any(
        &self,
        graph: &mut Builder,
        source: &OnnxWeights<'_>,
        most: Option<usize>,
    ) -> Result<Embedded, ModelError> {
        let sides = || [Extent::from("height"), Extent::from("width")];
        let [height, width] = sides();
        let pixels = graph.numbers("pixel_values", &["batch".into(), self.channels.into(), height, width]);
        let [height, width] = sides();
        let mask = graph.whole_numbers("pixel_mask", &["batch".into(), height, width]);
        let one = graph.integers("one", &[], &[1]);

        // Rows and columns of patches: of the whole batch, and of each image, `[batch, 1]`.
        let shape = graph.node("Shape", &[&pixels], vec![integer("start", 2)]);
        let patch = graph.integers("side of a patch", &[1], &[self.patch as i64]);
        let shape = graph.node("Div", &[&shape, &patch], Vec::new());
        let [rows, columns] = [0, 1].map(|index| {
            let index = graph.integers(&format!("side {index}"), &[1], &[index]);
            graph.node("Gather", &[&shape, &index], Vec::new())
        });
        let [first, end, axes, step] = [("0", 0), ("end", 1 << 30), ("axes", 1), ("step", self.patch as i64)]
            .map(|(name, value)| {
                let values = if name == "axes" { [value, value + 1] } else { [value; 2] };
                graph.integers(&format!("corners {name}"), &[2], &values)
            });
        // A patch is as real as its first pixel.
        let corners = graph.node("Slice", &[&mask, &first, &end, &axes, &step], Vec::new());
        let zero = graph.integers("zero", &[], &[0]);
        let token_axis = graph.integers("token axis", &[1], &[1]);
        let [own_rows, own_columns] = [2, 1].map(|axis| {
            let edge = graph.node("Gather", &[&corners, &zero], vec![integer("axis", axis)]);
            graph.node("ReduceSum", &[&edge, &token_axis], vec![integer("keepdims", 1)])
        });

        // The patches that are read, `[batch, patches]`: their places in the image, and whether there are so many.
        let count = graph.node("Mul", &[&own_rows, &own_columns], Vec::new());
        let mut kept = count.clone();
        if let Some(most) = most {
            let most = graph.integers("most patches", &[], &[most as i64]);
            kept = graph.node("Min", &[&count, &most], Vec::new());
        }
        let longest = graph.node("ReduceMax", &[&kept], vec![integer("keepdims", 0)]);
        let numbers = graph.node("Range", &[&zero, &longest, &one], Vec::new());
        let is_real = graph.node("Less", &[&numbers, &kept], Vec::new());
        let read_mask = cast(graph, &is_real, element::I64);
        let at_least_one = |graph: &mut Builder, x: &str| graph.node("Max", &[x, &one], Vec::new());
        let divisor = at_least_one(graph, &kept);
        let place = graph.node("Mul", &[&numbers, &count], Vec::new());
        let place = graph.node("Div", &[&place, &divisor], Vec::new());
        let place = graph.node("Mul", &[&place, &read_mask], Vec::new());
        let divisor = at_least_one(graph, &own_columns);
        let row = graph.node("Div", &[&place, &divisor], Vec::new());
        let before = graph.node("Mul", &[&row, &divisor], Vec::new());
        let column = graph.node("Sub", &[&place, &before], Vec::new());

        // The patches themselves.
        let every = graph.integers("every", &[1], &[0]);
        let channels = graph.integers("channels", &[1], &[self.channels as i64]);
        let cells = graph.node(
            "Concat",
            &[&every, &channels, &rows, &patch, &columns, &patch],
            vec![integer("axis", 0)],
        );
        let flat = graph.integers("patches in rows", &[3], &[0, -1, self.numbers()]);
        let patches = cut(graph, &pixels, &cells, &flat);
        let place = graph.node("Mul", &[&row, &columns], Vec::new());
        let place = graph.node("Add", &[&place, &column], Vec::new());
        let last = graph.integers("last axis", &[1], &[2]);
        let place = graph.node("Unsqueeze", &[&place, &last], Vec::new());
        let patches = graph.node("GatherND", &[&patches, &place], vec![integer("batch_dims", 1)]);
        let embedded = self.project(graph, source, &patches)?;

        let rows = self.between(graph, &row, &own_rows);
        let columns = self.between(graph, &column, &own_columns);
        let positions = self.interpolate(graph, source, &rows, &columns)?;
        Ok(Embedded { patches: graph.node("Add", &[&embedded, &positions], Vec::new()), mask: read_mask })
    }

    /// Where places of so many lie in a row or column of the table of positions.
    fn between(&self, graph: &mut Builder, place: &str, cells: &str) -> Between {
        let one = graph.integers("one", &[], &[1]);
        let last = self.grid.saturating_sub(1);
        let steps = graph.node("Sub", &[cells, &one], Vec::new());
        let steps = graph.node("Max", &[&steps, &one], Vec::new());
        let steps = cast(graph, &steps, element::F32);
        let place = cast(graph, place, element::F32);
        let factor = graph.number("last of the grid", last as f32);
        let exact = graph.node("Mul", &[&place, &factor], Vec::new());
        let exact = graph.node("Div", &[&exact, &steps], Vec::new());
        let before = graph.node("Floor", &[&exact], Vec::new());
        let beyond = graph.node("Sub", &[&exact, &before], Vec::new());
        let one_number = graph.number("1.0", 1.0);
        let nearness = graph.node("Sub", &[&one_number, &beyond], Vec::new());
        let before = cast(graph, &before, element::I64);
        let after = graph.node("Add", &[&before, &one], Vec::new());
        let last = graph.integers("last place of the grid", &[], &[last as i64]);
        let after = graph.node("Min", &[&after, &last], Vec::new());
        Between { cells: [before, after], shares: [nearness, beyond] }
    }

    /// The sum of the positions of the four cells around each place, each by its share.
    fn interpolate(
        &self,
        graph: &mut Builder,
        source: &OnnxWeights<'_>,
        rows: &Between,
        columns: &Between,
    ) -> Result<Name, ModelError> {
        let table = source.get(&self.positions)?;
        let table = graph.table(&self.positions, &table.reshape(((), table.dim(table.rank() - 1)?))?)?;
        let grid = graph.integers("columns of the grid", &[], &[self.grid as i64]);
        let one = graph.integers("one", &[], &[1]);
        let last = graph.integers("last axis", &[1], &[2]);
        let mut sum: Option<Name> = None;
        for (row, row_share) in rows.cells.iter().zip(&rows.shares) {
            for (column, column_share) in columns.cells.iter().zip(&columns.shares) {
                let cell = graph.node("Mul", &[row, &grid], Vec::new());
                let cell = graph.node("Add", &[&cell, column], Vec::new());
                // Behind the position of the first token.
                let cell = graph.node("Add", &[&cell, &one], Vec::new());
                let position = graph.node("Gather", &[&table, &cell], Vec::new());
                let share = graph.node("Mul", &[row_share, column_share], Vec::new());
                let share = graph.node("Unsqueeze", &[&share, &last], Vec::new());
                let part = graph.node("Mul", &[&position, &share], Vec::new());
                sum = Some(match sum {
                    None => part,
                    Some(sum) => graph.node("Add", &[&sum, &part], Vec::new()),
                });
            }
        }
        sum.ok_or_else(|| ModelError::Configuration("there are no positions".into()))
    }
}

/// The cells before and after places, and their shares.
struct Between {
    cells: [Name; 2],
    shares: [Name; 2],
}

/// Images cut into patches, `[batch, patches, numbers]`, channel by channel and row by row.
fn cut(graph: &mut Builder, pixels: &str, cells: &str, flat: &str) -> Name {
    let patches = graph.node("Reshape", &[pixels, cells], Vec::new());
    let patches = graph.node("Transpose", &[&patches], vec![integers("perm", &[0, 2, 4, 1, 3, 5])]);
    graph.node("Reshape", &[&patches, flat], Vec::new())
}

/// A first token `[1, 1, width]` before the rows `[batch, length, width]`.
pub(super) fn with_first(graph: &mut Builder, first: &str, rows: &str) -> Name {
    let batch = graph.node("Shape", &[rows], vec![integer("start", 0), integer("end", 1)]);
    let one = graph.integers("ones", &[2], &[1, 1]);
    let shape = graph.node("Concat", &[&batch, &one], vec![integer("axis", 0)]);
    let first = graph.node("Expand", &[first, &shape], Vec::new());
    graph.node("Concat", &[&first, rows], vec![integer("axis", 1)])
}
