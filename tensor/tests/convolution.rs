//! Convolutions and transposed convolutions, of `unfold` and `fold`, against what PyTorch computes, as `golden/convolution.py`
//! recorded it.

use alambic_tensor::candle::{Result, Tensor, Var};
use alambic_tensor::gradients::backward;
use alambic_tensor::ops::{Activation, Window, fold, linear, unfold};
use alambic_tensor::parameters::load;

fn convolve(image: &Tensor, weight: &Tensor, bias: &Tensor, window: Window) -> Result<Tensor> {
    let matrix = weight.permute((0, 2, 3, 1))?.contiguous()?.flatten_from(1)?;
    linear(&unfold(image, window)?, &matrix, Some(bias), Activation::Identity)
}

fn convolve_transposed(image: &Tensor, weight: &Tensor, bias: &Tensor, window: Window) -> Result<Tensor> {
    let inputs = weight.dim(0)?;
    let matrix = weight.permute((2, 3, 1, 0))?.contiguous()?.reshape(((), inputs))?;
    fold(&linear(image, &matrix, None, Activation::Identity)?, Some(bias), window)
}

type Convolve = fn(&Tensor, &Tensor, &Tensor, Window) -> Result<Tensor>;

#[test]
fn convolutions_agree_with_pytorch_forward_and_backward() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/convolution.safetensors");
    let recorded = load(path.as_ref()).unwrap();
    let cases: [(&str, Convolve, [usize; 3]); 5] = [
        ("halving", convolve, [4, 2, 1]),
        ("keeping", convolve, [3, 1, 1]),
        ("wide", convolve, [5, 3, 2]),
        ("doubling", convolve_transposed, [4, 2, 1]),
        ("apart", convolve_transposed, [2, 3, 0]),
    ];
    for (case, function, [kernel, stride, padding]) in cases {
        let get = |name: &str| &recorded[&format!("{case}.{name}")];
        let inputs = ["image", "weight", "bias"].map(|name| (name, Var::from_tensor(get(name)).unwrap()));
        let [image, weight, bias] = inputs.each_ref().map(|(_, variable)| variable.as_tensor());
        let output = function(image, weight, bias, Window { kernel, stride, padding }).unwrap();
        let values = |tensor: &Tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let check = |what: &str, found: &Tensor, expected: &Tensor| {
            assert_eq!(found.dims(), expected.dims(), "{case}: {what}");
            for (found, expected) in values(found).iter().zip(values(expected)) {
                let apart = (found - expected).abs();
                assert!(apart <= 1e-5 * expected.abs().max(1.0), "{case}: {what}: {found}, not {expected}");
            }
        };
        check("output", &output, get("output"));
        let gradients = backward(&(output * get("upstream")).unwrap().sum_all().unwrap()).unwrap();
        for (name, variable) in &inputs {
            let gradient = gradients.get(variable.as_tensor()).unwrap();
            check(name, gradient, get(&format!("grad.{name}")));
        }
    }
}
