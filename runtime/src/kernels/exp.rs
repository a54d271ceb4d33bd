//! An exponential that vectorises: Cody-Waite range reduction and a polynomial of degree 6, about 2 units in the last
//! place over the whole range. It uses fused multiply-adds and bit moves only, so it is the same on every machine.

/// Adding and taking away 1.5 * 2^23 rounds to the nearest integer and leaves it in the low bits.
const ROUND: f32 = 12_582_912.0;
/// ln 2 in two parts; the first has few bits, so that its product with an integer is exact.
const LN2_HIGH: f32 = 0.693_359_4;
const LN2_LOW: f32 = -2.121_944_4e-4;
/// Below this the result is 0; above [`LARGEST`] it stays at e^88.
const SMALLEST: f32 = -87.0;
const LARGEST: f32 = 88.0;

/// e to the power of `x`: 0 below -87, e^88 above 88, and not-a-number for not-a-number.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    let bounded = if x > LARGEST { LARGEST } else { x };
    let bounded = if bounded < SMALLEST { SMALLEST } else { bounded };
    let shifted = bounded.mul_add(std::f32::consts::LOG2_E, ROUND);
    let whole = shifted - ROUND;
    let rest = whole.mul_add(-LN2_HIGH, bounded);
    let rest = whole.mul_add(-LN2_LOW, rest);
    // Taylor coefficients; on |rest| <= ln(2)/2 the first one left out is below 2^-23.
    let mut sum = 1.0f32 / 720.0;
    sum = sum.mul_add(rest, 1.0 / 120.0);
    sum = sum.mul_add(rest, 1.0 / 24.0);
    sum = sum.mul_add(rest, 1.0 / 6.0);
    sum = sum.mul_add(rest, 0.5);
    sum = sum.mul_add(rest, 1.0);
    sum = sum.mul_add(rest, 1.0);
    let exponent = shifted.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(127) << 23;
    let value = sum * f32::from_bits(exponent);
    if x < SMALLEST { 0.0 } else { value }
}

#[cfg(test)]
mod tests {
    use super::exp;

    #[test]
    fn is_within_two_units_of_the_exact_value() {
        let mut at = -86.9f32;
        while at < 87.9 {
            // Oracle: libm::exp in f64.
            let exact = libm::exp(f64::from(at));
            let relative = (f64::from(exp(at)) - exact).abs() / exact;
            assert!(relative < 2.5e-7, "exp({at}) is off by {relative}");
            at += 0.013;
        }
        assert_eq!(exp(0.0), 1.0);
    }

    #[test]
    fn ends_of_the_range() {
        assert_eq!(exp(-200.0), 0.0);
        assert_eq!(exp(f32::NEG_INFINITY), 0.0);
        assert!(exp(f32::INFINITY).is_finite());
        assert!(exp(f32::NAN).is_nan());
    }
}
