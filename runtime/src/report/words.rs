//! Numbers as people read them.

/// A share as a percentage with one decimal.
pub(super) fn percent(share: f64) -> String {
    signed_zero(format!("{:.1}%", share * 100.0))
}

/// A share as a percentage with a decimal only where it has one: 12.5%, 50%.
pub(super) fn plain_percent(share: f64) -> String {
    percent(share).replace(".0%", "%")
}

/// A change of a share in percentage points, with its sign.
pub(super) fn points(change: f64) -> String {
    signed_zero(format!("{:+.1}", change * 100.0))
}

/// A relative change in percent, with its sign; a dash when there is nothing to compare with.
pub(super) fn relative(before: f64, after: f64) -> String {
    if before > 0.0 { signed_zero(format!("{:+.1}%", (after / before - 1.0) * 100.0)) } else { "–".to_owned() }
}

/// A mean length: decimals only where they mean something.
pub(super) fn tokens(length: f64) -> String {
    if length.abs() < 999.95 { format!("{length:.1}") } else { grouped(length) }
}

/// A whole number with thin groups of three digits.
pub(super) fn grouped(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut out = String::new();
    for (idx, digit) in digits.chars().enumerate() {
        if idx > 0 && (digits.len() - idx).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    if value < -0.5 { format!("-{out}") } else { out }
}

/// A large count in short: 950, 12.3K, 4.56M, 1.20G.
pub(super) fn short(value: f64) -> String {
    let size = value.abs();
    match size {
        _ if size >= 999.5e6 => format!("{:.2}G", value / 1e9),
        _ if size >= 999.5e3 => format!("{:.2}M", value / 1e6),
        _ if size >= 9_999.5 => format!("{:.1}K", value / 1e3),
        _ => grouped(value),
    }
}

/// A span of time.
pub(super) fn duration(seconds: f64) -> String {
    let whole = seconds.max(0.0) as u64;
    match whole {
        0..60 => format!("{:.1} s", seconds.max(0.0)),
        60..3600 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3600, whole / 60 % 60),
    }
}

/// A number on an axis whose ticks are `step` apart.
pub(super) fn tick(value: f64, step: f64, percent: bool) -> String {
    let (value, step, unit) = if percent { (value * 100.0, step * 100.0, "%") } else { (value, step, "") };
    if !percent && value.abs() >= 10_000.0 {
        // 12,500 and 12,000 must stay different: as many decimals as the distance of the ticks needs.
        let (scale, letter) = if value.abs() >= 1e9 {
            (1e9, "G")
        } else if value.abs() >= 1e6 {
            (1e6, "M")
        } else {
            (1e3, "K")
        };
        return format!("{:.*}{letter}", decimals(step / scale), value / scale);
    }
    if !percent && value != 0.0 && step < 1e-4 {
        return format!("{value:.1e}");
    }
    let digits = decimals(step);
    if digits == 0 { format!("{}{unit}", grouped(value)) } else { signed_zero(format!("{value:.digits$}{unit}")) }
}

/// The name cut to a number of characters.
pub(super) fn clipped(name: &str, limit: usize) -> String {
    if name.chars().count() <= limit {
        return name.to_owned();
    }
    let mut cut: String = name.chars().take(limit.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

fn decimals(step: f64) -> usize {
    (0..6)
        .find(|digits| {
            let scaled = step.abs() * libm::pow(10.0, *digits as f64);
            (scaled - scaled.round()).abs() < 1e-6 * scaled.max(1e-9) && scaled >= 0.999
        })
        .unwrap_or(6)
}

/// `-0.0` is 0.
fn signed_zero(text: String) -> String {
    let is_zero = text.starts_with(['-', '+']) && !text.contains(|c: char| c.is_ascii_digit() && c != '0');
    if is_zero { text.trim_start_matches(['-', '+']).to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        let check = |found: String, expected: &str| assert_eq!(found, expected);
        check(percent(0.7333), "73.3%");
        check(plain_percent(0.125), "12.5%");
        check(plain_percent(1.0), "100%");
        check(points(-0.00001), "0.0");
        check(points(0.05), "+5.0");
        check(relative(100.0, 66.0), "-34.0%");
        check(relative(0.0, 66.0), "–");
        check(tokens(52.34), "52.3");
        check(tokens(11_345.6), "11,346");
        check(grouped(1_234_567.0), "1,234,567");
        check(grouped(-1_234.0), "-1,234");
        check(short(30_000_000.0), "30.00M");
        check(short(12_345.0), "12.3K");
        check(duration(42.25), "42.2 s");
        check(duration(605.0), "10 min 05 s");
        check(duration(7_260.0), "2 h 01 min");
        check(tick(0.25, 0.05, true), "25%");
        check(tick(0.025, 0.005, true), "2.5%");
        check(tick(12_500.0, 500.0, false), "12.5K");
        check(tick(12_000.0, 2_000.0, false), "12K");
        check(tick(0.0003, 0.0001, false), "0.0003");
        check(tick(-0.5, 0.25, false), "-0.50");
        check(clipped("instruction_following", 8), "instruc…");
    }
}
