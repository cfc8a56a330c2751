//! Convolutions over images as products: the neighbourhood of each place in a row, and its transpose.
//!
//! Images are `[batch, rows, columns, channels]`, so that what a convolution needs of a place lies in few stretches. A convolution
//! is [`unfold`] and then a linear layer; a transposed convolution is a linear layer and then [`fold`]. Each of the two operations
//! is the gradient of the other.

use std::mem::MaybeUninit;

use candle_core::{CpuStorage, CustomOp1, CustomOp2, Layout, Result, Shape, Tensor, bail};

use super::composite::is_needed;
use crate::vector::add_scaled;
use crate::{buffer, graph};

/// Places that a convolution visits: squares of `kernel` by `kernel`, `stride` apart, over images with a margin of `padding` zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Rows and columns of a square.
    pub kernel: usize,
    /// Rows or columns from one square to the next.
    pub stride: usize,
    /// Rows and columns of zeros on each side.
    pub padding: usize,
}

impl Window {
    /// Squares along a side of so many places.
    ///
    /// # Errors
    /// When not one fits, or nothing of a square lies on the image.
    pub fn visited(&self, side: usize) -> Result<usize> {
        let whole = side + 2 * self.padding;
        if self.stride == 0 || self.kernel == 0 || self.kernel > whole || self.padding >= self.kernel {
            bail!("convolution: squares of {} with {self:?} do not fit a side of {side}", self.kernel)
        }
        Ok((whole - self.kernel) / self.stride + 1)
    }

    /// The side over which a transposed convolution lays so many squares: `(squares - 1) · stride - 2 · padding + kernel`.
    ///
    /// # Errors
    /// When nothing of a square lies on the image.
    pub fn covered(&self, squares: usize) -> Result<usize> {
        let whole = squares.saturating_sub(1) * self.stride + self.kernel;
        if self.stride == 0 || squares == 0 || self.padding >= self.kernel || whole <= 2 * self.padding {
            bail!("transposed convolution: {squares} squares of {self:?} cover nothing")
        }
        Ok(whole - 2 * self.padding)
    }

    /// Of a square's rows (or columns) those that lie on the image: the first, the one behind the last, and the place of the first.
    fn inside(&self, square: usize, side: usize) -> (usize, usize, usize) {
        let start = square * self.stride;
        let first = self.padding.saturating_sub(start).min(self.kernel);
        let end = (side + self.padding).saturating_sub(start).min(self.kernel).max(first);
        (first, end, (start + first).saturating_sub(self.padding))
    }
}

/// Sizes of images and of the squares that are visited.
#[derive(Debug, Clone, Copy)]
struct Sizes {
    batch: usize,
    sides: [usize; 2],
    squares: [usize; 2],
    channels: usize,
    window: Window,
}

impl Sizes {
    fn of_images(shape: &[usize], window: Window) -> Result<Self> {
        let &[batch, rows, columns, channels] = shape else {
            bail!("unfold: images are [batch, rows, columns, channels], and these are {shape:?}")
        };
        let squares = [window.visited(rows)?, window.visited(columns)?];
        Ok(Self { batch, sides: [rows, columns], squares, channels, window })
    }

    /// Sizes of what squares are laid over, which a convolution with this window visits whole.
    fn of_squares(shape: &[usize], window: Window) -> Result<Self> {
        let &[batch, rows, columns, numbers] = shape else {
            bail!("fold: squares are [batch, rows, columns, numbers], and these are {shape:?}")
        };
        let each = window.kernel * window.kernel;
        if each == 0 || !numbers.is_multiple_of(each) {
            bail!("fold: {numbers} numbers are no squares of {} by {}", window.kernel, window.kernel)
        }
        let sides = [window.covered(rows)?, window.covered(columns)?];
        Ok(Self { batch, sides, squares: [rows, columns], channels: numbers / each, window })
    }

    fn images(&self) -> Shape {
        (self.batch, self.sides[0], self.sides[1], self.channels).into()
    }

    fn neighbourhoods(&self) -> Shape {
        (self.batch, self.squares[0], self.squares[1], self.numbers()).into()
    }

    /// Numbers of a square.
    fn numbers(&self) -> usize {
        self.window.kernel * self.window.kernel * self.channels
    }

    /// Every stretch of a row of squares that lies on the image: its place among the numbers of that row of squares, its place among
    /// those of the image, and its length.
    fn stretches(&self, row: usize, mut each: impl FnMut(usize, usize, usize)) {
        let Self { window, channels, sides: [rows, columns], .. } = *self;
        let (top, bottom, first_row) = window.inside(row, rows);
        for column in 0..self.squares[1] {
            let (left, right, first_column) = window.inside(column, columns);
            let length = (right - left) * channels;
            for (down, line) in (top..bottom).enumerate() {
                let square = column * self.numbers() + (line * window.kernel + left) * channels;
                let image = ((first_row + down) * columns + first_column) * channels;
                each(square, image, length);
            }
        }
    }

    fn unfold(&self, images: &[f32]) -> Vec<f32> {
        let (width, image) =
            (self.squares[1] * self.numbers(), self.sides[0] * self.sides[1] * self.channels);
        buffer::build_rows(self.batch * self.squares[0], width, |first, out| {
            for (index, out) in out.chunks_exact_mut(width).enumerate() {
                let (example, row) = ((first + index) / self.squares[0], (first + index) % self.squares[0]);
                out.fill(MaybeUninit::new(0.0));
                let image = &images[example * image..][..image];
                self.stretches(row, |square, place, length| {
                    for (out, value) in out[square..][..length].iter_mut().zip(&image[place..]) {
                        out.write(*value);
                    }
                });
            }
        })
    }

    /// Images of squares, each place beginning at the bias of its channels.
    fn fold(&self, squares: &[f32], bias: Option<&[f32]>) -> Vec<f32> {
        let (width, image) =
            (self.squares[1] * self.numbers(), self.sides[0] * self.sides[1] * self.channels);
        buffer::build_rows(self.batch, image, |first, out| {
            for (index, out) in out.chunks_exact_mut(image).enumerate() {
                match bias {
                    None => {
                        out.fill(MaybeUninit::new(0.0));
                    }
                    Some(bias) => {
                        for (out, bias) in out.iter_mut().zip(bias.iter().cycle()) {
                            out.write(*bias);
                        }
                    }
                }
                // SAFETY: all of it was just written.
                let out = unsafe { out.assume_init_mut() };
                for row in 0..self.squares[0] {
                    let own = &squares[((first + index) * self.squares[0] + row) * width..][..width];
                    self.stretches(row, |square, place, length| {
                        add_scaled(&mut out[place..place + length], &own[square..square + length], 1.0);
                    });
                }
            }
        })
    }

    /// The place of each number of an image's neighbourhoods among those of the image, `[squares · kernel²]`, the one behind its last
    /// where it lies beyond the image.
    fn places(&self) -> Vec<u32> {
        let cells = self.sides[0] * self.sides[1];
        let each = self.window.kernel * self.window.kernel;
        let mut places = vec![cells as u32; self.squares[0] * self.squares[1] * each];
        let channel = Self { channels: 1, ..*self };
        for row in 0..self.squares[0] {
            channel.stretches(row, |square, place, length| {
                let start = row * self.squares[1] * each + square;
                for (index, out) in places[start..start + length].iter_mut().enumerate() {
                    *out = (place + index) as u32;
                }
            });
        }
        places
    }
}

struct Unfold(Window);

impl CustomOp1 for Unfold {
    fn name(&self) -> &'static str {
        "unfold"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let sizes = Sizes::of_images(layout.dims(), self.0)?;
        let values = sizes.unfold(buffer::slice(storage, layout, self.name())?);
        Ok((CpuStorage::F32(values), sizes.neighbourhoods()))
    }

    fn bwd(&self, input: &Tensor, _: &Tensor, upstream: &Tensor) -> Result<Option<Tensor>> {
        let sizes = Sizes::of_images(input.dims(), self.0)?;
        let gradient = buffer::with_slice(upstream, self.name(), |upstream| sizes.fold(upstream, None))?;
        Tensor::from_vec(gradient, input.shape(), input.device()).map(Some)
    }
}

struct Fold(Window);

impl Fold {
    fn forward(
        &self,
        (squares, layout): (&CpuStorage, &Layout),
        bias: Option<&[f32]>,
    ) -> Result<(CpuStorage, Shape)> {
        let sizes = Sizes::of_squares(layout.dims(), self.0)?;
        if let Some(bias) = bias.filter(|bias| bias.len() != sizes.channels) {
            bail!("fold: a bias of {} numbers does not fit {} channels", bias.len(), sizes.channels)
        }
        let values = sizes.fold(buffer::slice(squares, layout, "fold")?, bias);
        Ok((CpuStorage::F32(values), sizes.images()))
    }

    fn gradient(&self, squares: &Tensor, upstream: &Tensor) -> Result<Tensor> {
        let sizes = Sizes::of_squares(squares.dims(), self.0)?;
        let gradient = buffer::with_slice(upstream, "fold", |upstream| sizes.unfold(upstream))?;
        Tensor::from_vec(gradient, squares.shape(), squares.device())
    }
}

impl CustomOp1 for Fold {
    fn name(&self) -> &'static str {
        "fold"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        self.forward((storage, layout), None)
    }

    fn bwd(&self, input: &Tensor, _: &Tensor, upstream: &Tensor) -> Result<Option<Tensor>> {
        self.gradient(input, upstream).map(Some)
    }
}

impl CustomOp2 for Fold {
    fn name(&self) -> &'static str {
        "fold"
    }

    fn cpu_fwd(
        &self,
        squares: &CpuStorage,
        layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        self.forward((squares, layout), Some(buffer::slice(bias, bias_layout, "fold")?))
    }

    fn bwd(
        &self,
        squares: &Tensor,
        bias: &Tensor,
        _: &Tensor,
        upstream: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let of_squares = squares.track_op().then(|| self.gradient(squares, upstream)).transpose()?;
        let channels = bias.elem_count();
        let of_bias = buffer::with_slice(upstream, "fold", |upstream| {
            buffer::sum_rows(upstream.len() / channels.max(1), channels, |range, sums| {
                for row in upstream[range.start * channels..range.end * channels].chunks_exact(channels) {
                    add_scaled(sums, row, 1.0);
                }
            })
        })?;
        Ok((of_squares, Some(Tensor::from_vec(of_bias, bias.shape(), bias.device())?)))
    }
}

/// Composite of [`unfold`].
pub(super) fn unfold_composite(images: &Tensor, window: Window) -> Result<Tensor> {
    let sizes = Sizes::of_images(images.dims(), window)?;
    let cells = images.reshape((sizes.batch, sizes.sides[0] * sizes.sides[1], sizes.channels))?;
    let places = sizes.places();
    let places = Tensor::from_vec(places.clone(), places.len(), images.device())?;
    let taken = cells.pad_with_zeros(1, 0, 1)?.contiguous()?.index_select(&places, 1)?;
    taken.reshape(sizes.neighbourhoods())
}

/// Composite of [`fold`].
pub(super) fn fold_composite(squares: &Tensor, bias: Option<&Tensor>, window: Window) -> Result<Tensor> {
    let sizes = Sizes::of_squares(squares.dims(), window)?;
    let (places, cells) = (sizes.places(), sizes.sides[0] * sizes.sides[1]);
    let numbers = squares.contiguous()?.reshape((sizes.batch, places.len(), sizes.channels))?;
    let nothing = Tensor::zeros((sizes.batch, cells + 1, sizes.channels), squares.dtype(), squares.device())?;
    let places = Tensor::from_vec(places.clone(), places.len(), squares.device())?;
    let images = nothing.index_add(&places, &numbers, 1)?.narrow(1, 0, cells)?.reshape(sizes.images())?;
    match bias {
        None => Ok(images),
        Some(bias) => images.broadcast_add(bias),
    }
}

/// The neighbourhoods of images `[batch, rows, columns, channels]`: for each square that the window visits its numbers in one row,
/// `[batch, squares down, squares across, kernel · kernel · channels]`, zeros where it lies beyond the image. A convolution with a
/// weight `[outputs, kernel, kernel, channels]` is a linear layer over it.
///
/// # Errors
/// When the window does not fit the images, or they are not `f32`.
pub fn unfold(images: &Tensor, window: Window) -> Result<Tensor> {
    if is_needed(images) {
        return unfold_composite(images, window);
    }
    graph::apply1(&images.contiguous()?, Unfold(window))
}

/// Images `[batch, rows, columns, channels]` out of squares `[batch, squares down, squares across, kernel · kernel · channels]`, laid
/// down where the window visits them and added up where they overlap, and to all places the bias `[channels]`. A transposed
/// convolution is a linear layer without a bias that gives the squares, and this.
///
/// # Errors
/// When squares or bias do not fit the window, or are not `f32`.
pub fn fold(squares: &Tensor, bias: Option<&Tensor>, window: Window) -> Result<Tensor> {
    match bias {
        _ if is_needed(squares) => fold_composite(squares, bias, window),
        None => graph::apply1(&squares.contiguous()?, Fold(window)),
        Some(bias) => graph::apply2(&squares.contiguous()?, &bias.contiguous()?, Fold(window)),
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Var};

    use super::*;
    use crate::graph::backward;

    /// Odd sides, every kind of margin, and strides that leave a rest.
    const WINDOWS: [(Window, usize, usize); 5] = [
        (Window { kernel: 4, stride: 2, padding: 1 }, 8, 6),
        (Window { kernel: 3, stride: 1, padding: 1 }, 5, 7),
        (Window { kernel: 1, stride: 1, padding: 0 }, 3, 2),
        (Window { kernel: 5, stride: 3, padding: 2 }, 7, 9),
        (Window { kernel: 2, stride: 2, padding: 0 }, 5, 4),
    ];

    fn variable(shape: &[usize], scale: f32) -> Var {
        let count: usize = shape.iter().product();
        let values: Vec<f32> =
            (0..count).map(|index| ((index * 37 + 11) % 101) as f32 * scale - 0.7).collect();
        Var::from_tensor(&Tensor::from_vec(values, shape, &Device::Cpu).unwrap()).unwrap()
    }

    fn values(tensor: &Tensor) -> Vec<f32> {
        tensor.flatten_all().unwrap().to_vec1().unwrap()
    }

    fn check(found: &Tensor, expected: &Tensor, input: &Var) {
        assert_eq!(found.dims(), expected.dims());
        let upstream = variable(found.dims(), 0.013);
        let gradient = |output: &Tensor| {
            let sum = (output * upstream.as_tensor().detach()).unwrap().sum_all().unwrap();
            values(backward(&sum).unwrap().get(input.as_tensor()).unwrap())
        };
        let pairs = [(values(found), values(expected)), (gradient(found), gradient(expected))];
        for (found, expected) in pairs {
            assert_eq!(found.len(), expected.len());
            assert!(found.iter().zip(&expected).all(|(one, other)| (one - other).abs() < 1e-4));
        }
    }

    #[test]
    fn fused_operations_give_what_their_composites_give() {
        for (window, rows, columns) in WINDOWS {
            let images = variable(&[3, rows, columns, 2], 0.01);
            let squares = unfold(images.as_tensor(), window).unwrap();
            check(&squares, &unfold_composite(images.as_tensor(), window).unwrap(), &images);
            let shape = squares.dims().to_vec();
            let squares = variable(&shape, 0.02);
            let bias = variable(&[2], 0.3);
            for bias in [None, Some(bias.as_tensor())] {
                let folded = fold(squares.as_tensor(), bias, window).unwrap();
                let expected = fold_composite(squares.as_tensor(), bias, window).unwrap();
                check(&folded, &expected, &squares);
            }
            let [found, expected] = [fold, fold_composite]
                .map(|fold| fold(squares.as_tensor(), Some(bias.as_tensor()), window).unwrap());
            check(&found, &expected, &bias);
        }
    }

    #[test]
    fn squares_of_a_small_image_are_those_counted_by_hand() {
        let image =
            Tensor::from_vec((1..=4u8).map(f32::from).collect::<Vec<_>>(), (1, 2, 2, 1), &Device::Cpu);
        let window = Window { kernel: 3, stride: 1, padding: 1 };
        let squares = unfold(&image.unwrap(), window).unwrap();
        assert_eq!(squares.dims(), [1, 2, 2, 9]);
        assert_eq!(values(&squares)[..9], [0.0, 0.0, 0.0, 0.0, 1.0, 2.0, 0.0, 3.0, 4.0]);
        assert_eq!(values(&squares)[27..], [1.0, 2.0, 0.0, 3.0, 4.0, 0.0, 0.0, 0.0, 0.0]);
        // Each cell lies in all four squares.
        assert_eq!(values(&fold(&squares, None, window).unwrap()), [4.0, 8.0, 12.0, 16.0]);
    }

    #[test]
    fn windows_that_do_not_fit_are_refused() {
        let image = variable(&[1, 2, 2, 1], 1.0);
        for (kernel, stride, padding) in [(5, 1, 1), (3, 0, 1), (0, 1, 0), (2, 1, 2)] {
            assert!(unfold(image.as_tensor(), Window { kernel, stride, padding }).is_err());
        }
        let window = Window { kernel: 2, stride: 2, padding: 0 };
        assert!(fold(variable(&[1, 2, 2, 6], 1.0).as_tensor(), None, window).is_err());
        assert!(fold(variable(&[2, 2, 4], 1.0).as_tensor(), None, window).is_err());
    }
}
