//! Rotary positions of a configuration: `rope_theta` with `rope_scaling`, or the newer `rope_parameters` with both.

use super::fields::Fields;
use crate::model::ModelError;
use crate::policy::shape::RopeScaling;

/// Base of the frequencies and how they are changed.
pub(super) fn read(fields: &Fields<'_>, max_positions: usize) -> Result<(f64, RopeScaling), ModelError> {
    let newer = fields.object("rope_parameters")?;
    let older = fields.object("rope_scaling")?;
    let (key, inner) = match (newer, older) {
        (Some(map), _) => ("rope_parameters", Some(map)),
        (None, Some(map)) => ("rope_scaling", Some(map)),
        (None, None) => ("rope_scaling", None),
    };
    let Some(map) = inner else {
        return Ok((theta(fields, fields.number("rope_theta")?)?, RopeScaling::None));
    };
    let inner = fields.inner(map, key);
    let base = match inner.number("rope_theta")? {
        Some(base) => Some(base),
        None => fields.number("rope_theta")?,
    };
    if inner.number("partial_rotary_factor")?.is_some_and(|share| share != 1.0) {
        return Err(inner.bad("partial_rotary_factor", "heads that turn in part are not read"));
    }
    let kind = match inner.text("rope_type")? {
        Some(kind) => Some(kind),
        None => inner.text("type")?,
    };
    let scaling = match kind.as_deref() {
        // Newer files hold the base alone; older ones without a kind do not say what to do.
        Some("default") => RopeScaling::None,
        None if !inner.has("factor") && inner.map().values().all(|value| !value.is_object()) => RopeScaling::None,
        Some("linear") => RopeScaling::Linear { factor: factor(&inner)? },
        Some("llama3") => {
            let (low, high) = (needed(&inner, "low_freq_factor")?, needed(&inner, "high_freq_factor")?);
            if low >= high {
                return Err(inner.bad("low_freq_factor", format!("{low} is not below `high_freq_factor` = {high}")));
            }
            let original = needed(&inner, "original_max_position_embeddings")?;
            RopeScaling::Llama3 { factor: factor(&inner)?, low, high, original }
        }
        Some("yarn") => yarn(fields, &inner, max_positions)?,
        Some(other) => {
            return Err(
                inner.bad("rope_type", format!("`{other}` is not read; known are default, linear, llama3, yarn"))
            );
        }
        None => return Err(inner.bad("rope_type", "it is missing; known are default, linear, llama3, yarn")),
    };
    Ok((theta(fields, base)?, scaling))
}

fn theta(fields: &Fields<'_>, found: Option<f64>) -> Result<f64, ModelError> {
    let theta = found.unwrap_or(10_000.0);
    if theta.is_finite() && theta > 0.0 {
        return Ok(theta);
    }
    Err(fields.bad("rope_theta", format!("{theta} is not a number above 0")))
}

fn needed(inner: &Fields<'_>, key: &str) -> Result<f64, ModelError> {
    let value = inner.number(key)?.ok_or_else(|| inner.bad(key, "it is missing"))?;
    if value.is_finite() && value > 0.0 {
        return Ok(value);
    }
    Err(inner.bad(key, format!("{value} is not a number above 0")))
}

fn factor(inner: &Fields<'_>) -> Result<f64, ModelError> {
    let factor = needed(inner, "factor")?;
    if factor >= 1.0 {
        return Ok(factor);
    }
    Err(inner.bad("factor", format!("{factor} is below 1")))
}

/// YaRN (Peng et al. 2023). The factor on cosines and sines is the one that is written, else `0.1 ln(factor) + 1`, with the weights
/// `mscale` and `mscale_all_dim` where both are written.
fn yarn(fields: &Fields<'_>, inner: &Fields<'_>, max_positions: usize) -> Result<RopeScaling, ModelError> {
    let original = match inner.number("original_max_position_embeddings")? {
        Some(_) => needed(inner, "original_max_position_embeddings")?,
        None => match fields.number("original_max_position_embeddings")? {
            Some(original) => original,
            None => max_positions as f64,
        },
    };
    let factor = match inner.number("factor")? {
        Some(_) => factor(inner)?,
        None if max_positions as f64 >= original => max_positions as f64 / original,
        None => return Err(inner.bad("factor", "it is missing")),
    };
    let scale = |weight: f64| if factor <= 1.0 { 1.0 } else { 0.1 * weight * libm::log(factor) + 1.0 };
    let given = inner.number("attention_factor")?;
    let weights = (inner.number("mscale")?, inner.number("mscale_all_dim")?);
    let attention = match (given, weights) {
        (Some(given), _) if given.is_finite() && given > 0.0 => given,
        (Some(given), _) => {
            return Err(inner.bad("attention_factor", format!("{given} is not a number above 0")));
        }
        (None, (Some(one), Some(all))) if one != 0.0 && all != 0.0 => scale(one) / scale(all),
        _ => scale(1.0),
    };
    let positive = |key: &str, default: f64| match inner.number(key)? {
        Some(_) => needed(inner, key),
        None => Ok(default),
    };
    let (fast, slow) = (positive("beta_fast", 32.0)?, positive("beta_slow", 1.0)?);
    if slow > fast {
        return Err(inner.bad("beta_slow", format!("{slow} is above `beta_fast` = {fast}")));
    }
    let truncate = inner.truth("truncate")?.unwrap_or(true);
    Ok(RopeScaling::Yarn { factor, slow, fast, original, attention, truncate })
}
