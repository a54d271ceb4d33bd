//! CPU or CUDA. With the kernels, the only place that knows of cudarc.

pub use candle_core::Device;

/// A device with what was found out about it.
#[derive(Debug, Clone)]
pub struct Chosen {
    /// Where tensors live.
    pub device: Device,
    /// What is used and why, for people.
    pub description: String,
}

/// Chooses a device by its name: `auto`, `cpu`, or `cuda:N`. `auto` takes the first GPU that works, otherwise the CPU, and says why.
pub fn choose(name: &str) -> Result<Chosen, String> {
    match name {
        "cpu" => Ok(cpu("as asked")),
        "auto" => Ok(match gpu(0) {
            Ok(device) => Chosen { device, description: "cuda:0".into() },
            Err(why) => cpu(&why),
        }),
        other => {
            let number = other.strip_prefix("cuda:").and_then(|number| number.parse().ok());
            let Some(number) = number else {
                return Err(format!("there is no device `{other}`; use `auto`, `cpu` or `cuda:0`"));
            };
            let device = gpu(number).map_err(|why| format!("`{other}` cannot be used: {why}"))?;
            Ok(Chosen { device, description: other.to_string() })
        }
    }
}

fn cpu(why: &str) -> Chosen {
    Chosen { device: Device::Cpu, description: format!("cpu ({why})") }
}

#[cfg(not(feature = "cuda"))]
fn gpu(_: usize) -> Result<Device, String> {
    Err("this program was built without the feature `cuda`".into())
}

/// cudarc panics where a library of the driver is missing, so the panic is caught and becomes a reason.
#[cfg(feature = "cuda")]
fn gpu(number: usize) -> Result<Device, String> {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let found = std::panic::catch_unwind(|| {
        let count = cudarc::driver::CudaContext::device_count().map_err(|why| why.to_string())?;
        if number as i64 >= i64::from(count) {
            return Err(format!("there are {count} CUDA devices"));
        }
        Device::new_cuda(number).map_err(|why| why.to_string())
    });
    std::panic::set_hook(hook);
    found.unwrap_or_else(|panic| {
        let why = panic.downcast_ref::<String>().cloned().unwrap_or_else(|| "CUDA is missing".into());
        Err(why.split(" - ").next().unwrap_or(&why).to_string())
    })
}
