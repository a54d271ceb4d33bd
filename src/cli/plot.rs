//! `recipec plot FILE [PART]`: penalties, terms, totals and the mix as pictures, from the recipe alone.

use super::compile::{RecipeArgs, compile};
use super::{Exit, say};
use crate::drawing::Picture;
use crate::drawing::chart::{self, Words};
use recipec_compiler::curves::{self, CurveError, Curves, MixCurves, Surface};
use recipec_compiler::estimate::number;
use recipec_compiler::plan::StagePlan;
use recipec_compiler::{Plan, vocabulary::signals};
use std::collections::BTreeMap;
use std::path::PathBuf;

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    recipe: RecipeArgs,
    /// What to draw: a penalty, a term, `outcome`, `total` or `mix`; without it all penalties, terms and the mix.
    part: Option<String>,
    /// The signal along the picture.
    #[arg(long, default_value = "length")]
    x: String,
    /// The second signal, of a surface.
    #[arg(long, default_value = "solve_rate")]
    y: String,
    /// Surfaces of wrong rollouts instead of correct ones.
    #[arg(long)]
    wrong: bool,
    /// Give a signal that is not on an axis a value: `--given progress=0.2`.
    #[arg(long, value_name = "SIGNAL=NUMBER", value_parser = given)]
    given: Vec<(String, f64)>,
    /// The stage whose numbers are in force; without it the last that has a reward.
    #[arg(long)]
    stage: Option<String>,
    /// Where pictures are written.
    #[arg(long, default_value = ".")]
    out: PathBuf,
    /// In which formats.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Format::Png, Format::Svg])]
    format: Vec<Format>,
    /// How many pixels of a PNG for one of the picture.
    #[arg(long, default_value_t = 1.0, value_parser = scale)]
    scale: f32,
    /// The numbers as JSON instead of pictures.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// Pixels.
    Png,
    /// Lines and text.
    Svg,
}

/// What is drawn.
#[derive(serde::Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Drawn {
    Curves(Curves),
    Surface(Surface),
    Mix(MixCurves),
}

impl Drawn {
    fn name(&self) -> String {
        match self {
            Self::Curves(curves) => format!("{}_over_{}", curves.name, curves.x.name),
            Self::Surface(surface) => format!("{}_over_{}_and_{}", surface.name, surface.x.name, surface.y.name),
            Self::Mix(_) => "mix".to_string(),
        }
    }

    fn picture(&self, words: &Words) -> Picture {
        match self {
            Self::Curves(curves) => chart::curves(curves, words),
            Self::Surface(surface) => chart::surface(surface, words),
            Self::Mix(mix) => chart::mix(mix, words),
        }
    }
}

pub fn run(args: &Args) -> Exit {
    let (recipe, _, plan) = match compile(&args.recipe) {
        Ok(done) => done,
        Err(exit) => return exit,
    };
    let drawn = match draw(args, &plan) {
        Ok(drawn) => drawn,
        Err(why) => {
            eprintln!("error: {why}");
            return Exit::Usage;
        }
    };
    if args.json {
        return match serde_json::to_string_pretty(&serde_json::json!({ "schema": 1, "plots": drawn })) {
            Ok(text) => {
                say(&text);
                Exit::Done
            }
            Err(why) => {
                eprintln!("error: the numbers cannot be written: {why}");
                Exit::WrongRecipe
            }
        };
    }
    if drawn.is_empty() {
        say("nothing to draw: the recipe has no penalty and no term, and no stage that draws domains");
        return Exit::Done;
    }
    let variant = plan.variant.as_ref().map(|variant| format!(", variant {variant}")).unwrap_or_default();
    let params = recipe.params.iter().filter(|param| param.name != "seed");
    let params: Vec<String> = params.map(|param| format!(", {} = {}", param.name, number(param.value.value))).collect();
    let recipe = format!("Recipe {}{variant}{}", plan.recipe, params.concat());
    for drawn in &drawn {
        if let Err(why) = write(args, &plan, drawn, &Words { recipe: &recipe }) {
            eprintln!("error: {why}");
            return Exit::Usage;
        }
    }
    Exit::Done
}

fn draw(args: &Args, plan: &Plan) -> Result<Vec<Drawn>, CurveError> {
    let given: BTreeMap<String, f64> = args.given.iter().cloned().collect();
    if let Some(name) = given.keys().find(|name| signals::signal(name).is_none()) {
        let known = signals::SIGNALS.iter().map(|row| row.name.to_string()).collect();
        return Err(CurveError::Unknown { kind: "signal", name: name.clone(), known });
    }
    let stage = curves::stage(plan, args.stage.as_deref())?;
    match args.part.as_deref() {
        Some("mix") => Ok(vec![Drawn::Mix(curves::mix(stage)?)]),
        Some(part) => part_pictures(args, plan, stage, part, &given),
        None => {
            let mut all = Vec::new();
            for part in curves::parts(stage).iter().filter(|part| !["outcome", "total"].contains(&part.as_str())) {
                all.extend(part_pictures(args, plan, stage, part, &given)?);
            }
            all.push(Drawn::Mix(curves::mix(stage)?));
            Ok(all)
        }
    }
}

/// Curves over `x`, and a surface where the part depends on `y` too.
fn part_pictures(
    args: &Args,
    plan: &Plan,
    stage: &StagePlan,
    part: &str,
    given: &BTreeMap<String, f64>,
) -> Result<Vec<Drawn>, CurveError> {
    let mut drawn = vec![Drawn::Curves(curves::curves(plan, stage, part, &args.x, given)?)];
    match curves::surface(plan, stage, part, (&args.x, &args.y), !args.wrong, given) {
        Ok(surface) => drawn.push(Drawn::Surface(surface)),
        // A part that does not read the second signal has no surface; a signal that is none at all is a mistake.
        Err(CurveError::Unknown { .. }) if signals::signal(&args.y).is_some() => {}
        Err(why) => return Err(why),
    }
    Ok(drawn)
}

fn write(args: &Args, plan: &Plan, drawn: &Drawn, words: &Words) -> Result<(), String> {
    std::fs::create_dir_all(&args.out).map_err(|why| format!("`{}`: {why}", args.out.display()))?;
    let variant = plan.variant.as_ref().map(|variant| format!(".{variant}")).unwrap_or_default();
    let picture = drawn.picture(words);
    for format in &args.format {
        let (end, bytes) = match format {
            Format::Png => ("png", picture.png(args.scale)?),
            Format::Svg => ("svg", picture.svg().into_bytes()),
        };
        let verdict = if args.wrong && matches!(drawn, Drawn::Surface(_)) { "_wrong" } else { "" };
        let path = args.out.join(format!("{}{variant}.{}{verdict}.{end}", plan.recipe, drawn.name()));
        std::fs::write(&path, bytes).map_err(|why| format!("`{}`: {why}", path.display()))?;
        say(&path.display().to_string());
    }
    Ok(())
}

fn given(text: &str) -> Result<(String, f64), String> {
    let (name, value) = text.split_once('=').ok_or_else(|| format!("`{text}` should read SIGNAL=NUMBER"))?;
    match value.trim().parse::<f64>() {
        Ok(value) if value.is_finite() => Ok((name.trim().to_string(), value)),
        _ => Err(format!("`{value}` is not a number")),
    }
}

fn scale(text: &str) -> Result<f32, String> {
    match text.parse::<f32>() {
        Ok(scale) if (0.25..=8.0).contains(&scale) => Ok(scale),
        _ => Err("a scale is between 0.25 and 8".into()),
    }
}
