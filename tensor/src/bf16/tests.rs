//! Tests that hold for every kernel.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::{buffer, threads};

/// The ways to multiply that this processor has.
fn products() -> Vec<Bf16Product> {
    let mut all = Vec::new();
    if crate::tiles::has_bf16() {
        all.extend(
            [Bf16Parts::One, Bf16Parts::Two].map(|parts| Bf16Product { kernel: Bf16Kernel::Tiles, parts }),
        );
    }
    if vectors::are_supported() {
        all.push(Bf16Product { kernel: Bf16Kernel::Vectors, parts: Bf16Parts::One });
    }
    if all.is_empty() {
        eprintln!("skipped: this processor has no kernel for bfloat16");
    }
    all
}

fn draw(random: &mut ChaCha8Rng, count: usize) -> Vec<f32> {
    (0..count).map(|_| random.random::<f32>() * 2.0 - 1.0).collect()
}

fn transposed(values: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    (0..rows * columns).map(|at| values[at % rows * columns + at / rows]).collect()
}

/// What a number is taken for.
fn rounded(value: f32, parts: Bf16Parts) -> f64 {
    let to_even = |value: f32| {
        let bits = value.to_bits();
        f32::from_bits((bits + 0x7fff + (bits >> 16 & 1)) & 0xffff_0000)
    };
    let high = to_even(value);
    f64::from(high) + if parts == Bf16Parts::Two { f64::from(to_even(value - high)) } else { 0.0 }
}

#[test]
fn every_size_and_order_is_near_the_product_of_rounded_numbers() {
    let mut random = ChaCha8Rng::seed_from_u64(3);
    for (m, k, n) in [
        (1, 1, 1),
        (32, 32, 32),
        (33, 31, 65),
        (70, 100, 47),
        (128, 64, 96),
        (5, 300, 200),
        (15, 33, 17),
        (300, 1000, 100),
    ] {
        let (left, right) = (draw(&mut random, m * k), draw(&mut random, k * n));
        let bias = draw(&mut random, n);
        let (left_across, right_across) = (transposed(&left, m, k), transposed(&right, k, n));
        for way in products() {
            let terms = |at: usize, taken: &dyn Fn(f32) -> f64| -> f64 {
                (0..k).map(|depth| taken(left[at / n * k + depth]) * taken(right[depth * n + at % n])).sum()
            };
            // Of two parts the smallest product is left out; else nothing is lost but in sums.
            let of_sums = if way.parts == Bf16Parts::One { 3e-6 } else { 5e-6 };
            let of_rounding = if way.parts == Bf16Parts::One { 4e-3 } else { 1e-5 };
            let scale = (k as f64).sqrt() + 1.0;
            for (left, right) in [
                ((&left, false), (&right, false)),
                ((&left_across, true), (&right, false)),
                ((&left, false), (&right_across, true)),
                ((&left_across, true), (&right_across, true)),
            ] {
                let matrix = Bf16Matrix::new((right.0, right.1), (k, n), way);
                for bias in [None, Some(&bias[..])] {
                    let multiply = |left: &[f32], is_transposed: bool, m: usize| {
                        buffer::build(m * n, |out| matrix.multiply(out, (left, is_transposed), bias))
                    };
                    let product = multiply(left.0, left.1, m);
                    // A row alone gives the same bits: of few rows, tasks take columns.
                    if !left.1 {
                        assert_eq!(multiply(&left.0[(m - 1) * k..], false, 1), product[(m - 1) * n..]);
                    }
                    for (at, value) in product.iter().enumerate() {
                        let bias = bias.map_or(0.0, |bias| f64::from(bias[at % n]));
                        let value = f64::from(*value) - bias;
                        for (exact, allowed) in [
                            (terms(at, &|number| rounded(number, way.parts)), of_sums),
                            (terms(at, &|number| f64::from(number)), of_rounding),
                        ] {
                            assert!(
                                (value - exact).abs() <= allowed * scale,
                                "{m} x {k} x {n}, {way:?}, {} {}: {value}, not {exact}",
                                left.1,
                                right.1
                            );
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn products_do_not_depend_on_the_number_of_threads() {
    let mut random = ChaCha8Rng::seed_from_u64(5);
    for (m, k, n) in [(700, 96, 130), (40, 2048, 312), (130, 1500, 50)] {
        let (left, right) = (draw(&mut random, m * k), draw(&mut random, k * n));
        for way in products() {
            let multiply =
                || buffer::build(m * n, |out| way.multiply(out, (&left, false), (&right, false), (m, k, n)));
            let one = threads::install(Some(1), multiply).unwrap();
            for count in [2, 3, 5] {
                assert!(one == threads::install(Some(count), multiply).unwrap(), "{m} x {k} x {n}, {way:?}");
            }
        }
    }
}

#[test]
fn nan_and_infinity_reach_their_rows_alone() {
    for way in products() {
        let of_left = |value: f32| {
            let mut left = vec![1.0f32; 33 * 33];
            left[5] = value;
            let right = [1.0; 33 * 33];
            buffer::build(33 * 33, |out| way.multiply(out, (&left, false), (&right, false), (33, 33, 33)))
        };
        for value in [f32::NAN, f32::INFINITY] {
            let product = of_left(value);
            let is_kept = |number: &f32| {
                if way.parts == Bf16Parts::One && value.is_infinite() {
                    *number == value
                } else {
                    number.is_nan()
                }
            };
            assert!(product[..33].iter().all(is_kept), "{way:?}: {:?}", &product[..33]);
            assert!(product[33..].iter().all(|value| *value == 33.0), "{way:?}");
        }
    }
}

#[test]
fn numbers_too_small_to_be_normal_count_as_zero() {
    let tiny = f32::MIN_POSITIVE / 4.0;
    for way in products() {
        // 2^120 times each of them would be far from zero.
        let product = buffer::build(32 * 32, |out| {
            way.multiply(
                out,
                (&[tiny; 32 * 32], false),
                (&[f32::powi(2.0, 120); 32 * 32], false),
                (32, 32, 32),
            );
        });
        assert!(product.iter().all(|value| *value == 0.0), "{way:?}: {}", product[0]);
    }
}
