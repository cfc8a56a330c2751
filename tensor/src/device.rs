//! Device of tensors: the CPU, or a GPU through candle.
//!
//! A process computes on one device, chosen once and before the first tensor. The fused operations of this crate run on the
//! CPU; on other devices each falls back to its composite of candle's own operations.

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;
use std::sync::OnceLock;

use candle_core::{Device, DeviceLocation};

use crate::TensorError;

static CHOSEN: OnceLock<Device> = OnceLock::new();

/// The device of this process; the CPU unless [`choose`] said otherwise.
#[must_use]
pub fn current() -> &'static Device {
    CHOSEN.get().unwrap_or(&Device::Cpu)
}

/// Sets the device of this process.
///
/// # Errors
/// [`TensorError::Device`] when it is not there, this build cannot use it, or another one was chosen before.
pub fn choose(choice: DeviceSpec) -> Result<(), TensorError> {
    let device = choice.open()?;
    let chosen = CHOSEN.get_or_init(|| device.clone());
    if chosen.same_device(&device) {
        Ok(())
    } else {
        Err(TensorError::Device(format!("`{choice}` was chosen after tensors were put elsewhere")))
    }
}

/// The name of [`current`]: `cpu`, `cuda:0`, `metal`.
#[must_use]
pub fn name() -> String {
    match current().location() {
        DeviceLocation::Cpu => DeviceSpec::Cpu,
        DeviceLocation::Cuda { gpu_id } => DeviceSpec::Cuda(gpu_id),
        DeviceLocation::Metal { .. } => DeviceSpec::Metal,
    }
    .to_string()
}

/// The model of the GPU that this process computes on; none on the CPU, and where it is not known.
#[must_use]
pub fn model() -> Option<String> {
    #[cfg(feature = "cuda")]
    if let Device::Cuda(device) = current() {
        return device.cuda_stream().context().name().ok();
    }
    None
}

/// Waits until everything asked of the device is done: a GPU answers before it is.
///
/// # Errors
/// When something that was asked of it failed.
pub fn synchronise() -> Result<(), TensorError> {
    Ok(current().synchronize()?)
}

/// Device specification, as it is written: `auto`, `cpu`, `cuda`, `cuda:1`, `metal`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeviceSpec {
    /// The first GPU that this build can use and that is there, or else the processor.
    #[default]
    Auto,
    /// The processor.
    Cpu,
    /// One of NVIDIA's GPUs, counted from 0.
    Cuda(usize),
    /// Apple's GPU.
    Metal,
}

impl DeviceSpec {
    /// The number of a GPU where none is given.
    const FIRST: usize = 0;

    fn open(self) -> Result<Device, TensorError> {
        match self {
            Self::Cpu => Ok(Device::Cpu),
            Self::Cuda(number) if cfg!(feature = "cuda") => self.opened(Device::new_cuda(number)),
            Self::Metal if cfg!(feature = "metal") => self.opened(Device::new_metal(Self::FIRST)),
            Self::Cuda(_) => Err(self.not_built("cuda")),
            Self::Metal => Err(self.not_built("metal")),
            Self::Auto => Ok([Self::Cuda(Self::FIRST), Self::Metal]
                .into_iter()
                .find_map(|choice| choice.open().ok())
                .unwrap_or(Device::Cpu)),
        }
    }

    fn opened(self, device: candle_core::Result<Device>) -> Result<Device, TensorError> {
        device.map_err(|error| {
            TensorError::Device(format!("`{self}` cannot be used: {error}; `cpu` computes on the processor"))
        })
    }

    fn not_built(self, feature: &str) -> TensorError {
        TensorError::Device(format!(
            "`{self}` is not part of this build; build with `--features {feature}`, or compute on `cpu`"
        ))
    }
}

impl FromStr for DeviceSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda(Self::FIRST)),
            "metal" => Ok(Self::Metal),
            _ => {
                text.strip_prefix("cuda:").and_then(|number| number.parse().ok()).map(Self::Cuda).ok_or_else(
                    || "one of `auto`, `cpu`, `cuda`, `cuda:N` and `metal` was expected".to_owned(),
                )
            }
        }
    }
}

impl Display for DeviceSpec {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => formatter.write_str("auto"),
            Self::Cpu => formatter.write_str("cpu"),
            Self::Cuda(number) => write!(formatter, "cuda:{number}"),
            Self::Metal => formatter.write_str("metal"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_as_they_are_written() {
        for choice in
            [DeviceSpec::Auto, DeviceSpec::Cpu, DeviceSpec::Cuda(0), DeviceSpec::Cuda(3), DeviceSpec::Metal]
        {
            assert_eq!(choice.to_string().parse(), Ok(choice));
        }
        assert_eq!("cuda".parse(), Ok(DeviceSpec::Cuda(0)));
        for wrong in ["gpu", "cuda:", "cuda:-1", "CPU", ""] {
            assert!(wrong.parse::<DeviceSpec>().unwrap_err().contains("cuda:N"), "{wrong}");
        }
    }

    #[test]
    fn processor_is_always_there_and_a_build_reports_what_it_lacks() {
        assert!(DeviceSpec::Cpu.open().unwrap().is_cpu());
        assert!(DeviceSpec::Auto.open().is_ok());
        #[cfg(not(feature = "metal"))]
        {
            let error = DeviceSpec::Metal.open().unwrap_err().to_string();
            assert!(error.contains("--features metal"), "{error}");
        }
    }
}
