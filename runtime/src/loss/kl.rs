//! Estimators of KL(policy || reference) from tokens that the policy sampled (Schulman, "Approximating KL divergence").

use recipec_compiler::settings::KlEstimator;

/// The estimate of one token and its derivative by the policy's log-probability.
///
/// With `d = logp - logp_reference`: k1 = d, k2 = d²/2, k3 = exp(-d) - 1 + d.
pub fn estimate(estimator: KlEstimator, logp: f64, logp_reference: f64) -> (f64, f64) {
    let d = logp - logp_reference;
    match estimator {
        KlEstimator::K1 => (d, 1.0),
        KlEstimator::K2 => (0.5 * d * d, d),
        KlEstimator::K3 => (libm::expm1(-d) + d, -libm::expm1(-d)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand at d = 0.5: k1 0.5; k2 0.125, slope 0.5; k3 = e^-0.5 - 1 + 0.5 = 0.106530660, slope 1 - e^-0.5 = 0.393469340.
    #[test]
    fn by_hand() {
        assert_eq!(estimate(KlEstimator::K1, -1.0, -1.5), (0.5, 1.0));
        assert_eq!(estimate(KlEstimator::K2, -1.0, -1.5), (0.125, 0.5));
        let (value, slope) = estimate(KlEstimator::K3, -1.0, -1.5);
        assert!((value - 0.106_530_66).abs() < 1e-8 && (slope - 0.393_469_34).abs() < 1e-8);
    }

    #[test]
    fn equal_policies_have_none() {
        for estimator in [KlEstimator::K1, KlEstimator::K2, KlEstimator::K3] {
            assert_eq!(estimate(estimator, -0.7, -0.7).0, 0.0);
        }
    }
}
