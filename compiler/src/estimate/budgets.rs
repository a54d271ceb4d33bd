//! The whole run: which budget ends it, and what it has cost by then.

use super::arithmetic::{Sum, Unit, add, over, times};
use super::given::Given;
use super::work::{EvaluationCost, StageCost};
use super::{End, Line, Part};
use crate::plan::Plan;

/// The part about the run, and what ends it at mean lengths and in the worst case.
pub(super) fn whole(plan: &Plan, costs: &[StageCost], given: &Given) -> (Part, Vec<End>) {
    let ends: Vec<End> =
        [("mean", 0), ("worst case", 1)].into_iter().map(|(case, at)| walk(plan, costs, case, at)).collect();
    let mut lines = Vec::new();
    let steps = |at: usize, stage: usize| {
        let steps = ends.get(at).and_then(|end: &End| end.steps.get(stage)).map_or(0.0, |(_, steps)| *steps);
        match costs.get(stage) {
            Some(cost) if costs.len() > 1 => Sum::known(format!("{} steps", cost.name), steps),
            _ => Sum::known("steps", steps),
        }
    };
    let over_stages = |at: usize, of: &dyn Fn(&StageCost) -> Sum| {
        add(costs.iter().enumerate().map(|(stage, cost)| times([steps(at, stage), of(cost)])))
    };
    lines.push(Line::new(
        "tokens",
        "tokens generated, mean",
        over_stages(0, &|cost| cost.tokens[0].clone()),
        Unit::Tokens,
    ));
    lines.push(Line::new(
        "tokens_most",
        "tokens generated, at most",
        over_stages(1, &|cost| cost.tokens[1].clone()),
        Unit::Tokens,
    ));
    let evaluations = |of: &dyn Fn(&EvaluationCost) -> Sum| {
        let parts = costs.iter().enumerate().filter_map(|(stage, cost)| {
            let evaluation = cost.evaluation.as_ref()?;
            let times_made = evaluations_of(steps(0, stage).value().unwrap_or(0.0), evaluation.every);
            Some(times([Sum::known("evaluations", times_made), of(evaluation)]))
        });
        parts.collect::<Vec<_>>()
    };
    let flop = add([over_stages(0, &|cost| cost.flop.clone())].into_iter().chain(evaluations(&|e| e.flop.clone())));
    lines.push(Line::new("flop", "FLOP", flop, Unit::Flop));
    let train =
        Line::new("train_time", "time of the steps", over_stages(0, &|cost| cost.seconds.clone()), Unit::Seconds);
    let evaluate = evaluations(&|e| e.seconds.clone());
    let mut time = vec![train.named()];
    lines.push(train);
    if !evaluate.is_empty() {
        let line = Line::new("evaluate_time", "time of evaluations", add(evaluate), Unit::Seconds);
        time.push(line.named());
        lines.push(line);
    }
    let all = Line::new("time", "time", add(time), Unit::Seconds);
    if let Some(price) = given.price_per_hour {
        let hours = over(all.named(), Sum::known("seconds of an hour", 3600.0));
        let cost = times([hours, Sum::known("price of an hour", price)]);
        lines.extend([all, Line::new("cost", "cost", cost, Unit::Money)]);
    } else {
        lines.push(all);
    }
    (Part { id: "run.total".into(), title: "the run".into(), lines }, ends)
}

/// At the start, every so many steps, and at the end.
fn evaluations_of(steps: f64, every: Option<f64>) -> f64 {
    if steps <= 0.0 {
        return 0.0;
    }
    1.0 + every.filter(|every| *every > 0.0).map_or(1.0, |every| libm::ceil(steps / every))
}

/// Spends the budgets stage after stage until one is used up.
fn walk(plan: &Plan, costs: &[StageCost], case: &'static str, at: usize) -> End {
    let mut tokens_left = plan.max_generated_tokens.map(|tokens| tokens as f64);
    let mut seconds_left = plan.max_wall_clock_seconds;
    let (mut tokens, mut seconds) = (0.0, Some(0.0));
    let mut end = End {
        case,
        budget: None,
        stage: String::new(),
        steps: Vec::new(),
        tokens: 0.0,
        seconds: None,
        needs: Vec::new(),
    };
    let mut over = false;
    for (stage, cost) in plan.stages.iter().zip(costs) {
        if over {
            end.steps.push((cost.name.clone(), 0.0));
            continue;
        }
        let per_step = cost.tokens[at].value().unwrap_or(0.0);
        let second = cost.seconds.value();
        if plan.max_wall_clock_seconds.is_some() && second.is_none() {
            for need in cost.seconds.needs() {
                if !end.needs.contains(&need) {
                    end.needs.push(need);
                }
            }
        }
        let by_steps = stage.max_steps.map(|steps| (steps as f64, "steps"));
        let by_tokens = tokens_left.filter(|_| per_step > 0.0).map(|left| (libm::ceil(left / per_step), "tokens"));
        let by_time = seconds_left.zip(second).filter(|(_, second)| *second > 0.0);
        let by_time = by_time.map(|(left, second)| (libm::ceil(left / second), "time"));
        // Of equals the first counts: steps, tokens, time.
        let mut first: Option<(f64, &'static str)> = None;
        for found in [by_steps, by_tokens, by_time].into_iter().flatten() {
            if first.is_none_or(|(steps, _)| found.0 < steps) {
                first = Some(found);
            }
        }
        end.stage.clone_from(&cost.name);
        let Some((steps, budget)) = first else {
            end.budget = None;
            end.steps.push((cost.name.clone(), 0.0));
            over = true;
            continue;
        };
        end.budget = Some(budget);
        end.steps.push((cost.name.clone(), steps));
        tokens += steps * per_step;
        let evaluation = match &cost.evaluation {
            Some(one) => one.seconds.value().map(|time| time * evaluations_of(steps, one.every)),
            None => Some(0.0),
        };
        let spent = second.map(|second| steps * second);
        seconds = seconds.zip(spent).zip(evaluation).map(|((sum, spent), evaluation)| sum + spent + evaluation);
        tokens_left = tokens_left.map(|left| left - steps * per_step);
        seconds_left = seconds_left.zip(spent).map(|(left, spent)| left - spent);
        over = budget != "steps";
    }
    end.tokens = tokens;
    // The time of a worst case is not computed: rates hold at mean lengths.
    end.seconds = if at == 0 { seconds } else { None };
    end
}
