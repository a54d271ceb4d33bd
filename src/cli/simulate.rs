//! `recipec simulate FILE`: the mix of a recipe over rollouts that take stated times; nothing is generated or trained.

mod text;

use super::compile::{RecipeArgs, compile};
use super::{Exit, say};
use recipec_compiler::plan::{NodeKind, StagePlan};
use recipec_compiler::recipe::StageWork;
use recipec_compiler::{Plan, Recipe};
use recipec_runtime::sampler::{DomainState, Sampler};
use recipec_runtime::simulate::{Domain, Outcome, Pipeline, Rule, Shock, World, simulate};
use std::time::Instant;

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    recipe: RecipeArgs,
    /// The stage; the first one with a mix if absent.
    #[arg(long)]
    stage: Option<String>,
    /// Mean seconds of a group, from its draw to its verdicts: `--time math=60`. Without a name, of every domain that has none.
    #[arg(long, value_name = "DOMAIN=SECONDS", value_parser = positive)]
    time: Vec<Of>,
    /// Share of a domain's groups that the filter keeps: `--kept math=60%`.
    #[arg(long, value_name = "DOMAIN=SHARE", value_parser = share)]
    kept: Vec<Of>,
    /// Mean tokens of a rollout: `--tokens math=800`.
    #[arg(long, value_name = "DOMAIN=TOKENS", value_parser = positive)]
    tokens: Vec<Of>,
    /// Share of a domain's rollouts that are right, for mixes that follow rewards: `--solved math=40%`.
    #[arg(long, value_name = "DOMAIN=SHARE", value_parser = share)]
    solved: Vec<Of>,
    /// Standard deviation of a group's time over its mean.
    #[arg(long, default_value_t = 0.5, value_parser = not_negative)]
    spread: f64,
    /// Groups in flight at most; the recipe's slots if absent.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    in_flight: Option<u32>,
    /// Groups of a batch; the recipe's if absent.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    batch: Option<u32>,
    /// Versions that a group may be behind, or `none`: draws then never wait for the trainer. The recipe's if absent.
    #[arg(long, value_parser = lag)]
    max_lag: Option<Lag>,
    /// Seconds that training takes for a batch.
    #[arg(long, default_value_t = 0.0, value_parser = not_negative)]
    train_time: f64,
    /// Groups to draw.
    #[arg(long, default_value_t = 8_192, value_parser = clap::value_parser!(u32).range(1..=20_000_000))]
    groups: u32,
    /// A domain becomes slower on the way: `math=3@4096` (three times, from draw 4,096 on).
    #[arg(long, value_name = "DOMAIN=FACTOR@DRAW", value_parser = shock)]
    shock: Option<(String, f64, u64)>,
    /// Seeds over which figures are averaged, beginning with 1.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1000))]
    seeds: u16,
    /// Everything as JSON, the way there included.
    #[arg(long)]
    json: bool,
}

/// A value of one domain, or of all.
#[derive(Debug, Clone, PartialEq)]
struct Of {
    domain: Option<String>,
    value: f64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Lag(Option<u64>);

/// A rule with its outcomes, one for each seed.
struct Tried {
    name: &'static str,
    outcomes: Vec<Outcome>,
}

pub fn run(args: &Args) -> Exit {
    let (recipe, _, plan) = match compile(&args.recipe) {
        Ok(done) => done,
        Err(exit) => return exit,
    };
    let found = chosen(&plan, args.stage.as_deref()).and_then(|stage| Ok((stage, world(args, &recipe, stage)?)));
    let (stage, world) = match found {
        Ok(found) => found,
        Err(why) => {
            eprintln!("error: {why}");
            return Exit::Usage;
        }
    };
    let begin = Instant::now();
    let tried = match all_rules(&world, stage, args.seeds) {
        Ok(tried) => tried,
        Err(why) => {
            eprintln!("error: {why}");
            return Exit::RunFailed;
        }
    };
    let rollouts =
        tried.iter().map(|rule| rule.outcomes.len() as u64).sum::<u64>() * world.groups * world.pipeline.group_size;
    if args.json {
        say(&text::json(&plan.recipe, &stage.name, &world, &tried));
    } else {
        say(&text::table(&stage.name, &world, &tried));
        eprintln!("{} rollouts simulated in {:.1} s", text::thousands(rollouts), begin.elapsed().as_secs_f64());
    }
    Exit::Done
}

/// The stage that is simulated.
fn chosen<'p>(plan: &'p Plan, name: Option<&str>) -> Result<&'p StagePlan, String> {
    let mixes = |stage: &&StagePlan| stage.nodes.iter().any(|node| matches!(node.kind, NodeKind::Sampler { .. }));
    let stages: Vec<&StagePlan> = plan.stages.iter().filter(mixes).collect();
    let names = || stages.iter().map(|stage| format!("`{}`", stage.name)).collect::<Vec<_>>().join(", ");
    match name {
        None => stages.first().copied().ok_or_else(|| "no stage of this recipe draws from a mix".into()),
        Some(name) => stages
            .iter()
            .find(|stage| stage.name == name)
            .copied()
            .ok_or_else(|| format!("no stage `{name}` draws from a mix; there are {}", names())),
    }
}

/// The world that the command line and the recipe describe.
fn world(args: &Args, recipe: &Recipe, stage: &StagePlan) -> Result<World, String> {
    let mut sampler = None;
    let (mut slots, mut batch) = (64, 1);
    for node in &stage.nodes {
        match &node.kind {
            NodeKind::Sampler { domains, ratios, group_size, groups, .. } => {
                sampler = Some((domains, ratios, *group_size));
                batch = *groups;
            }
            NodeKind::Rollout { slots: rollouts, .. } => slots = *rollouts,
            _ => {}
        }
    }
    let (names, ratios, group_size) = sampler.ok_or("the stage has no mix")?;
    let options =
        [("--time", &args.time), ("--kept", &args.kept), ("--tokens", &args.tokens), ("--solved", &args.solved)];
    for (option, values) in options {
        for domain in values.iter().filter_map(|of| of.domain.as_ref()) {
            known(option, domain, names)?;
        }
    }
    let of = |values: &[Of], name: &str, default: f64| {
        let own = values.iter().rev().find(|of| of.domain.as_deref() == Some(name));
        own.or_else(|| values.iter().rev().find(|of| of.domain.is_none())).map_or(default, |of| of.value)
    };
    let domains = names.iter().zip(ratios).map(|(name, ratio)| Domain {
        name: name.clone(),
        ratio: *ratio,
        seconds: of(&args.time, name, 1.0),
        kept: of(&args.kept, name, 1.0),
        tokens: of(&args.tokens, name, 1.0),
        solved: of(&args.solved, name, 0.5),
    });
    let shock = match &args.shock {
        None => None,
        Some((domain, factor, at)) => {
            Some(Shock { domain: known("--shock", domain, names)?, factor: *factor, at: *at })
        }
    };
    let in_flight = args.in_flight.map_or((slots / group_size.max(1)).max(1) as usize, |slots| slots as usize);
    let max_lag = recipe.stages.iter().find(|named| named.name == stage.name).map_or(0, |stage| match &stage.work {
        StageWork::Reinforce(work) => work.train.max_lag,
        StageWork::Supervised(_) => 0,
    });
    Ok(World {
        domains: domains.collect(),
        pipeline: Pipeline {
            slots: in_flight,
            group_size,
            batch: args.batch.map_or(batch, u64::from),
            max_lag: args.max_lag.map_or(Some(max_lag), |Lag(lag)| lag),
            train_seconds: args.train_time,
            spread: args.spread,
        },
        groups: u64::from(args.groups),
        shock,
        seed: 1,
    })
}

fn known(option: &str, domain: &str, names: &[String]) -> Result<usize, String> {
    names.iter().position(|name| name == domain).ok_or_else(|| {
        let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        format!("`{option}`: the stage has no domain `{domain}`; it has {}", names.join(", "))
    })
}

/// The recipe's own rule beside the others.
fn all_rules(world: &World, stage: &StagePlan, seeds: u16) -> Result<Vec<Tried>, recipec_runtime::error::RunError> {
    let sampler = stage.nodes.iter().find_map(|node| match &node.kind {
        NodeKind::Sampler { domains, ratios, count, warmup, every_steps, strategy, weight, group_size, .. } => {
            Some(Sampler {
                domains: domains.iter().zip(ratios).map(|(name, ratio)| DomainState { name, ratio: *ratio }).collect(),
                count: *count,
                warmup: *warmup,
                every_steps: *every_steps,
                strategy: *strategy,
                group_size: *group_size,
                weight,
            })
        }
        _ => None,
    });
    let own = sampler.as_ref().map(|sampler| ("as the recipe states it", Rule::Recipe(sampler)));
    let others = [
        ("by the ratios", Rule::Ratios),
        ("adaptive, as published", Rule::Published),
        ("deficit of trained rollouts", Rule::TRAINED_DEFICIT),
    ];
    let mut tried = Vec::new();
    for (name, rule) in own.into_iter().chain(others) {
        let outcome = |seed: u16| simulate(&World { seed: u64::from(seed), ..world.clone() }, rule);
        tried.push(Tried { name, outcomes: (1..=seeds).map(outcome).collect::<Result<_, _>>()? });
    }
    Ok(tried)
}

/// `math=60`, or `60` for every domain.
fn of(text: &str, value: impl Fn(&str) -> Result<f64, String>) -> Result<Of, String> {
    match text.split_once('=') {
        Some((domain, number)) => Ok(Of { domain: Some(domain.trim().to_string()), value: value(number.trim())? }),
        None => Ok(Of { domain: None, value: value(text.trim())? }),
    }
}

fn number(text: &str) -> Result<f64, String> {
    text.parse::<f64>().ok().filter(|number| number.is_finite()).ok_or_else(|| format!("`{text}` is not a number"))
}

fn positive(text: &str) -> Result<Of, String> {
    of(text, |text| {
        let value = number(text)?;
        if value > 0.0 { Ok(value) } else { Err(format!("`{text}` is not above 0")) }
    })
}

fn share(text: &str) -> Result<Of, String> {
    of(text, |text| {
        let value = match text.strip_suffix('%') {
            Some(percent) => number(percent)? / 100.0,
            None => number(text)?,
        };
        if (0.0..=1.0).contains(&value) { Ok(value) } else { Err(format!("`{text}` is not between 0% and 100%")) }
    })
}

fn not_negative(text: &str) -> Result<f64, String> {
    let value = number(text)?;
    if value >= 0.0 { Ok(value) } else { Err(format!("`{text}` is below 0")) }
}

fn lag(text: &str) -> Result<Lag, String> {
    match text {
        "none" => Ok(Lag(None)),
        _ => text
            .parse()
            .map(|lag| Lag(Some(lag)))
            .map_err(|_| format!("`{text}` is neither a number of versions nor `none`")),
    }
}

fn shock(text: &str) -> Result<(String, f64, u64), String> {
    let form = || format!("`{text}` should read `DOMAIN=FACTOR@DRAW`, for example `math=3@4096`");
    let (domain, rest) = text.split_once('=').ok_or_else(form)?;
    let (factor, at) = rest.split_once('@').ok_or_else(form)?;
    let factor = number(factor).ok().filter(|factor| *factor > 0.0).ok_or_else(form)?;
    Ok((domain.to_string(), factor, at.parse().map_err(|_| form())?))
}
