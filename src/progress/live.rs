//! The live view: some lines at the bottom of the terminal that are drawn again, above them what is said, as it is said.

use super::lines::sentence;
use super::state::State;
use ratatui::backend::CrosstermBackend;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Widget, Wrap};
use ratatui::{Frame, Terminal, TerminalOptions, Viewport};
use recipec_runtime::run_folder::{DomainMetrics, StepMetrics};
use recipec_runtime::world::Progress;
use std::io::{self, Stderr};
use std::time::{Duration, Instant};

/// Lines of the view.
const HEIGHT: u16 = 13;

/// Domains that have a line of their own.
const DOMAINS: usize = 7;

/// Drawn no more often than this.
const PAUSE: Duration = Duration::from_millis(100);

/// The view on a terminal.
pub struct View {
    terminal: Terminal<CrosstermBackend<Stderr>>,
    state: State,
    began: Instant,
    drawn: Option<Instant>,
}

impl View {
    /// Takes some lines of the terminal; fails where the terminal does not say where its cursor is.
    pub fn open() -> io::Result<Self> {
        let options = TerminalOptions { viewport: Viewport::Inline(HEIGHT) };
        let terminal = Terminal::with_options(CrosstermBackend::new(io::stderr()), options)?;
        Ok(Self { terminal, state: State::default(), began: Instant::now(), drawn: None })
    }

    /// Shows what is told. A terminal that cannot be drawn on any more ends nothing: the run goes on.
    pub fn tell(&mut self, progress: &Progress) {
        self.state.tell(progress, self.began.elapsed().as_secs_f64());
        if let Some(text) = sentence(progress) {
            let style = match progress {
                Progress::Warning(_) => Style::new().fg(Color::Yellow),
                Progress::Evaluation { .. } => Style::new().add_modifier(Modifier::BOLD),
                _ => Style::new(),
            };
            let width = self.terminal.size().map_or(80, |size| size.width.max(1));
            let paragraph = Paragraph::new(Line::styled(text.clone(), style)).wrap(Wrap { trim: false });
            let lines = text.chars().count().div_ceil(usize::from(width)).max(1) as u16;
            // A wrapped word may need a line more.
            let lines = if lines > 1 { lines + 1 } else { 1 };
            self.terminal.insert_before(lines, |buffer| paragraph.render(buffer.area, buffer)).ok();
        } else if self.drawn.is_some_and(|at| at.elapsed() < PAUSE) {
            return;
        }
        self.drawn = Some(Instant::now());
        let (state, memory) = (&self.state, memory());
        self.terminal.draw(|frame| draw(frame, state, memory)).ok();
    }
}

impl Drop for View {
    fn drop(&mut self) {
        self.terminal.clear().ok();
        self.terminal.show_cursor().ok();
    }
}

/// Bytes of main memory that this process holds, where the system says so.
fn memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kilobytes| kilobytes << 10)
}

fn draw(frame: &mut Frame, state: &State, memory: Option<u64>) {
    let area = frame.area();
    let mut lines = vec![progress(state, memory, area.width)];
    if state.reinforces() {
        lines.extend(figures(state));
        lines.extend(domains(state));
    } else if state.last().is_some() {
        lines.push(with_curve("loss", state, |line| line.loss, |value| format!("{value:.3}")));
    }
    for (at, line) in lines.into_iter().take(usize::from(area.height)).enumerate() {
        frame.render_widget(line, Rect { y: area.y + at as u16, height: 1, ..area });
    }
}

fn faint(text: impl Into<String>) -> Span<'static> {
    Span::styled(text.into(), Style::new().add_modifier(Modifier::DIM))
}

fn bold(text: impl Into<String>) -> Span<'static> {
    Span::styled(text.into(), Style::new().add_modifier(Modifier::BOLD))
}

/// Stage, steps, a bar, rates, time left, memory.
fn progress(state: &State, memory: Option<u64>, width: u16) -> Line<'static> {
    let mut spans = vec![bold(format!("{} ", state.stage))];
    match state.max_steps {
        Some(max) => spans.push(Span::raw(format!("{}/{max} ", state.step))),
        None => spans.push(Span::raw(format!("step {} ", state.step))),
    }
    if let Some(done) = state.done() {
        let room = usize::from(width).saturating_sub(86).clamp(8, 40);
        let full = ((room as f64 * done) as usize).min(room);
        spans.push(Span::styled("━".repeat(full), Style::new().fg(Color::Green)));
        spans.push(faint("━".repeat(room - full)));
        spans.push(Span::raw(format!(" {:.0}%", done * 100.0)));
    }
    if let Some(rate) = state.rate() {
        spans.push(faint(if rate >= 1.0 {
            format!("  {rate:.1} steps/s")
        } else {
            format!("  {:.1} s a step", 1.0 / rate)
        }));
    }
    if let Some(left) = state.seconds_left() {
        spans.push(Span::raw(format!("  {} left", duration(left))));
    }
    if let Some(rate) = state.tokens_per_second {
        spans.push(faint(format!("  {:.1}k tokens/s", rate / 1000.0)));
    }
    if let Some(memory) = memory {
        spans.push(faint(format!("  {:.0} MB", memory as f64 / 1e6)));
    }
    if state.warnings > 0 {
        let noun = if state.warnings == 1 { "warning" } else { "warnings" };
        spans.push(Span::styled(format!("  {} {noun}", state.warnings), Style::new().fg(Color::Yellow)));
    }
    Line::from(spans)
}

fn duration(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match (whole / 3600, whole / 60 % 60, whole % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds:02} s"),
        (hours, minutes, _) => format!("{hours} h {minutes:02} min"),
    }
}

/// A figure with its curve over the last steps.
fn with_curve(
    name: &'static str,
    state: &State,
    of: impl Fn(&StepMetrics) -> Option<f64>,
    shown: impl Fn(f64) -> String,
) -> Line<'static> {
    let value = state.mean(&of).map_or("-".into(), shown);
    Line::from(vec![
        faint(format!("{name:<9}")),
        bold(format!("{value:<9}")),
        Span::styled(curve(&state.curve(of), 32), Style::new().fg(Color::Cyan)),
        Span::raw("  "),
    ])
}

/// Values as bars of eight heights, `width` of them, each the mean of its share of the values.
fn curve(values: &[f64], width: usize) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let n = values.len().min(width);
    let (low, high) = values.iter().fold((f64::MAX, f64::MIN), |(low, high), v| (low.min(*v), high.max(*v)));
    let bar = |at: usize| {
        let part = values.get(at * values.len() / n..(at + 1) * values.len() / n).unwrap_or_default();
        let mean = part.iter().sum::<f64>() / part.len().max(1) as f64;
        let height = if high > low { (mean - low) / (high - low) } else { 0.5 };
        BARS.get((height * 7.0).round() as usize).copied().unwrap_or(' ')
    };
    (0..width).map(|at| if at < n { bar(at) } else { ' ' }).collect()
}

fn percent(value: f64) -> String {
    format!("{:.1}%", value * 100.0)
}

/// Reward and its terms, solved, tokens, with what belongs to each.
fn figures(state: &State) -> Vec<Line<'static>> {
    let reward = |line: &StepMetrics| line.reward.as_ref().and_then(|reward| reward.total);
    let mut first = with_curve("reward", state, reward, |value| format!("{value:.3}"));
    let outcome = state.mean(|line| line.reward.as_ref()?.outcome);
    first.spans.extend(outcome.map(|value| Span::raw(format!("outcome {value:.3}  "))));
    let terms = state
        .last()
        .and_then(|line| line.reward.as_ref())
        .map(|reward| reward.terms.keys().cloned().collect::<Vec<_>>());
    for term in terms.unwrap_or_default() {
        let mean = state.mean(|line| line.reward.as_ref()?.terms.get(&term).copied().flatten());
        first.spans.extend(mean.map(|value| Span::raw(format!("{term} {value:+.3}  "))));
    }
    let solved = |line: &StepMetrics| {
        let rates: Vec<f64> = line.domains.values().filter_map(|domain| domain.solve_rate).collect();
        (!rates.is_empty()).then(|| rates.iter().sum::<f64>() / rates.len() as f64)
    };
    let mut second = with_curve("solved", state, solved, percent);
    if let Some((step, suites)) = &state.evaluation {
        let held_out = suites.iter().map(|(name, pass, tokens)| format!("{name} {} in {tokens:.1}", percent(*pass)));
        second.spans.push(faint(format!("held out at {step}: ")));
        second.spans.push(Span::raw(held_out.collect::<Vec<_>>().join(" · ")));
    }
    let tokens = |line: &StepMetrics| {
        let lengths: Vec<f64> = line.domains.values().filter_map(|domain| domain.mean_tokens).collect();
        (!lengths.is_empty()).then(|| lengths.iter().sum::<f64>() / lengths.len() as f64)
    };
    let mut third = with_curve("tokens", state, tokens, |value| format!("{value:.1}"));
    for (name, value) in [("cut", state.mean(|line| line.truncated)), ("soft zone", state.mean(|line| line.soft_zone))]
    {
        third.spans.extend(value.map(|value| Span::raw(format!("{name} {}  ", percent(value)))));
    }
    let kept = |line: &StepMetrics| line.groups.filter(|g| g.sampled > 0).map(|g| g.kept as f64 / g.sampled as f64);
    third.spans.extend(state.mean(kept).map(|value| Span::raw(format!("kept {}  ", percent(value)))));
    third.spans.extend(state.mean(|line| line.entropy).map(|value| Span::raw(format!("entropy {value:.3}  "))));
    third.spans.extend(state.mean(|line| line.kl).map(|value| Span::raw(format!("kl {value:.4}  "))));
    vec![first, second, third]
}

/// Each domain: target and achieved shares, and how it goes.
fn domains(state: &State) -> Vec<Line<'static>> {
    let Some(line) = state.last() else { return Vec::new() };
    let head = format!(
        "{:<14}{:>8}{:>9}{:>10}{:>9}{:>9}{:>8}",
        "", "target", "sampled", "completed", "trained", "solved", "tokens"
    );
    let mut lines = vec![Line::from(faint(head))];
    let mut names: Vec<&String> = line.domains.keys().collect();
    let ratio = |name: &String| state.ratios.get(name).copied().unwrap_or(0.0);
    names.sort_by(|a, b| ratio(b).total_cmp(&ratio(a)).then(a.cmp(b)));
    let share = |name: &String, of: fn(&DomainMetrics) -> u64| {
        let all: u64 = line.domains.values().map(of).sum();
        line.domains.get(name).map_or(0.0, |domain| of(domain) as f64 / all.max(1) as f64)
    };
    for name in names.iter().take(DOMAINS) {
        let trained = share(name, |domain| domain.trained);
        let away = (trained - ratio(name)).abs();
        let style = if away > 0.05 { Style::new().fg(Color::Yellow) } else { Style::new() };
        let of = |value: fn(&DomainMetrics) -> Option<f64>| state.mean(|line| value(line.domains.get(*name)?));
        lines.push(Line::from(vec![
            Span::raw(format!("{:<14}", name.chars().take(13).collect::<String>())),
            faint(format!("{:>8}", percent(ratio(name)))),
            Span::raw(format!("{:>9}", percent(share(name, |domain| domain.sampled)))),
            Span::raw(format!("{:>10}", percent(share(name, |domain| domain.completed)))),
            Span::styled(format!("{:>9}", percent(trained)), style),
            Span::raw(format!("{:>9}", of(|domain| domain.solve_rate).map_or("-".into(), percent))),
            Span::raw(format!(
                "{:>8}",
                of(|domain| domain.mean_tokens).map_or("-".into(), |value| format!("{value:.1}"))
            )),
        ]));
    }
    if names.len() > DOMAINS {
        lines.push(Line::from(faint(format!("and {} domains more", names.len() - DOMAINS))));
    }
    lines
}

#[cfg(test)]
mod tests;
