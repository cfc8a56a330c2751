//! Principal components of vectors.

use candle_core::{DType, Result, Tensor};
use nalgebra::{DMatrix, SymmetricEigen};

/// Vectors that are read at a time, so that their copies in 64 bits stay small.
const ROWS: usize = 8192;

/// The mean of some vectors and the directions in which they differ most, in descending order.
#[derive(Debug, Clone)]
pub struct PrincipalComponents {
    /// `[1, inputs]`, in 64 bits.
    mean: Tensor,
    /// `[inputs, components]`, in 64 bits.
    components: Tensor,
}

impl PrincipalComponents {
    /// The first `width` components of vectors `[rows, inputs]`, of which there are more than components. They are exact, of length
    /// one, and their largest number is positive.
    ///
    /// # Errors
    /// When there are no vectors, or fewer numbers of one than components.
    pub fn of(vectors: &Tensor, width: usize) -> Result<Self> {
        let (rows, inputs) = vectors.dims2()?;
        if rows == 0 || width > inputs {
            candle_core::bail!("{width} principal components of {rows} vectors of {inputs} numbers");
        }
        let device = vectors.device();
        let parts = |read: &mut dyn FnMut(Tensor) -> Result<()>| -> Result<()> {
            for first in (0..rows).step_by(ROWS) {
                read(vectors.narrow(0, first, ROWS.min(rows - first))?.to_dtype(DType::F64)?)?;
            }
            Ok(())
        };
        let mut sum = Tensor::zeros((1, inputs), DType::F64, device)?;
        parts(&mut |part| {
            sum = (&sum + part.sum_keepdim(0)?)?;
            Ok(())
        })?;
        let mean = (sum / rows as f64)?;
        let mut products = Tensor::zeros((inputs, inputs), DType::F64, device)?;
        parts(&mut |part| {
            let centred = part.broadcast_sub(&mean)?;
            products = (&products + centred.t()?.contiguous()?.matmul(&centred)?)?;
            Ok(())
        })?;
        let covariance = (products / (rows.max(2) - 1) as f64)?.flatten_all()?.to_vec1::<f64>()?;
        let own = SymmetricEigen::new(DMatrix::from_row_slice(inputs, inputs, &covariance));
        let mut order: Vec<usize> = (0..inputs).collect();
        order.sort_by(|&one, &other| own.eigenvalues[other].total_cmp(&own.eigenvalues[one]));
        let mut components = vec![0.0; inputs * width];
        for (place, &column) in order.iter().take(width).enumerate() {
            let component = own.eigenvectors.column(column);
            let largest = component
                .iter()
                .copied()
                .fold(0.0_f64, |largest, number| if number.abs() > largest.abs() { number } else { largest });
            for (row, number) in component.iter().enumerate() {
                components[row * width + place] = number * largest.signum();
            }
        }
        Ok(Self { mean, components: Tensor::from_vec(components, (inputs, width), device)? })
    }

    /// The same components, rotated among themselves so that the coordinates of vectors lie as near as they can to other vectors
    /// (orthogonal Procrustes problem; Schönemann, 1966): `coordinates` and `others` are `[rows, components]`. Distances and angles
    /// of coordinates stay as they are.
    ///
    /// # Errors
    /// When the others have another shape.
    pub fn rotated_towards(self, coordinates: &Tensor, others: &Tensor) -> Result<Self> {
        let (coordinates, others) = (coordinates.to_dtype(DType::F64)?, others.to_dtype(DType::F64)?);
        let products = coordinates.t()?.contiguous()?.matmul(&others)?;
        let (rows, columns) = products.dims2()?;
        let products = DMatrix::from_row_slice(rows, columns, &products.flatten_all()?.to_vec1::<f64>()?);
        let (Some(left), Some(right)) = ({
            let own = products.svd(true, true);
            (own.u, own.v_t)
        }) else {
            candle_core::bail!("products of {rows} by {columns} have no singular vectors");
        };
        // Stored column by column, as nalgebra does.
        let rotation =
            Tensor::from_slice((left * right).as_slice(), (columns, rows), self.mean.device())?.t()?;
        Ok(Self { components: self.components.matmul(&rotation.contiguous()?)?, ..self })
    }

    /// The coordinates of vectors `[rows, inputs]`: `[rows, components]`, in 32 bits.
    ///
    /// # Errors
    /// When vectors have another width.
    pub fn apply(&self, vectors: &Tensor) -> Result<Tensor> {
        let rows = vectors.dim(0)?;
        let mut parts = Vec::with_capacity(rows.div_ceil(ROWS));
        for first in (0..rows).step_by(ROWS) {
            let part = vectors.narrow(0, first, ROWS.min(rows - first))?.to_dtype(DType::F64)?;
            parts.push(part.broadcast_sub(&self.mean)?.matmul(&self.components)?.to_dtype(DType::F32)?);
        }
        Tensor::cat(&parts, 0)
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    #[test]
    fn components_are_ordered_centred_and_signed() {
        // Points along (3, 4) and, less, along (4, -3), off the origin.
        let points: Vec<f32> = [(-5.0, 1.0), (5.0, 1.0), (-5.0, -1.0), (5.0, -1.0)]
            .map(|(along, across): (f32, f32)| [7.0 + 0.6 * along + 0.8 * across, 0.8 * along - 0.6 * across])
            .concat();
        let points = Tensor::from_vec(points, (4, 2), &Device::Cpu).unwrap();
        let found =
            PrincipalComponents::of(&points, 2).unwrap().apply(&points).unwrap().to_vec2::<f32>().unwrap();
        for (row, expected) in found.iter().zip([[-5.0, 1.0], [5.0, 1.0], [-5.0, -1.0], [5.0, -1.0f32]]) {
            for (number, expected) in row.iter().zip(expected) {
                assert!((number - expected).abs() < 1e-5, "{found:?}");
            }
        }
        let first =
            PrincipalComponents::of(&points, 1).unwrap().apply(&points).unwrap().to_vec2::<f32>().unwrap();
        assert!((first[0][0] + 5.0).abs() < 1e-5);
        assert!(PrincipalComponents::of(&points, 3).is_err());
    }

    #[test]
    fn coordinates_are_rotated_towards_other_vectors() {
        let points: Vec<f32> = (0..60).map(|number| ((number * 37 % 23) as f32).sin()).collect();
        let points = Tensor::from_vec(points, (20, 3), &Device::Cpu).unwrap();
        let components = PrincipalComponents::of(&points, 2).unwrap();
        let coordinates = components.apply(&points).unwrap();
        let (sine, cosine) = 0.7_f32.sin_cos();
        let rotation = Tensor::new(&[[cosine, sine], [sine, -cosine]], &Device::Cpu).unwrap();
        let others = (coordinates.matmul(&rotation).unwrap() * 3.0).unwrap();
        let rotated = components.rotated_towards(&coordinates, &others).unwrap().apply(&points).unwrap();
        let differences = ((rotated * 3.0).unwrap() - others).unwrap().abs().unwrap();
        assert!(differences.flatten_all().unwrap().to_vec1::<f32>().unwrap().iter().all(|own| *own < 1e-5));
    }
}
