//! `recipec verify DOMAIN …`: a verifier from the command line, for a file of cases or for one answer.

use super::{Exit, say};
use recipec_compiler::settings::ArgumentValue;
use recipec_runtime::verify::cases::{Answer, Domain, Judge};
use recipec_runtime::verify::{Status, VerifierError};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

mod lines;

#[derive(clap::Args)]
pub struct Args {
    /// Which verifier: math, code, ifeval, logic, fn_calling, or its name in the language.
    domain: String,
    /// Cases, one JSON object a line; `-` reads them from standard input. Every line is answered by one line, in order.
    #[arg(long, conflicts_with_all = ["prediction", "gold"])]
    cases: Option<PathBuf>,
    /// The answer to judge; `-` reads it from standard input.
    #[arg(required_unless_present = "cases", allow_hyphen_values = true)]
    prediction: Option<String>,
    /// What it is judged against: the right answer for math; else the fields of a case as a JSON object.
    #[arg(required_unless_present = "cases", allow_hyphen_values = true)]
    gold: Option<String>,
    /// Print JSON only: for cases no summary, for one answer a JSON object.
    #[arg(long)]
    json: bool,
    /// An argument of the verifier, as in a recipe; may be repeated.
    #[arg(long = "argument", value_name = "NAME=VALUE")]
    arguments: Vec<String>,
    /// Threads that judge cases.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    jobs: u16,
}

pub fn run(args: &Args) -> Exit {
    let (domain, arguments) = match (domain(&args.domain), arguments(&args.arguments)) {
        (Ok(domain), Ok(arguments)) => (domain, arguments),
        (Err(why), _) | (_, Err(why)) => return usage(&why),
    };
    // A verifier that this machine cannot run answers every case with an error; a wrong argument is the caller's.
    if let Err(why @ VerifierError::BadArgument { .. }) = Judge::new(domain, arguments.clone()).open() {
        return usage(&why.to_string());
    }
    match &args.cases {
        Some(file) => file_of_cases(args, domain, &arguments, file),
        None => one_answer(args, domain, arguments),
    }
}

fn usage(why: &str) -> Exit {
    eprintln!("error: {why}");
    Exit::Usage
}

/// The domain with a name.
pub fn domain(name: &str) -> Result<Domain, String> {
    Domain::named(name).ok_or_else(|| format!("there is no domain `{name}`; there are {}", Domain::names()))
}

/// Arguments written as `NAME=VALUE`: a truth value, a number, or a word.
pub fn arguments(written: &[String]) -> Result<BTreeMap<String, ArgumentValue>, String> {
    let read = |written: &String| {
        let (name, value) = written.split_once('=').ok_or_else(|| format!("`{written}` is not NAME=VALUE"))?;
        let value = match value {
            "true" => ArgumentValue::Bool(true),
            "false" => ArgumentValue::Bool(false),
            other => match other.parse::<f64>() {
                Ok(number) if number.is_finite() => ArgumentValue::Number(number),
                _ => ArgumentValue::Word(other.into()),
            },
        };
        Ok((name.to_owned(), value))
    };
    written.iter().map(read).collect()
}

fn one_answer(args: &Args, domain: Domain, arguments: BTreeMap<String, ArgumentValue>) -> Exit {
    let gold = args.gold.as_deref().unwrap_or_default();
    let mut case = match gold_fields(domain, gold) {
        Ok(case) => case,
        Err(why) => return usage(&why),
    };
    let prediction = match args.prediction.as_deref() {
        Some("-") => {
            let mut text = String::new();
            if let Err(why) = std::io::stdin().read_to_string(&mut text) {
                return usage(&format!("cannot read the answer from standard input: {why}"));
            }
            text
        }
        other => other.unwrap_or_default().to_owned(),
    };
    case.insert("prediction".into(), Value::String(prediction));
    let Answer { verdict, .. } = &Judge::new(domain, arguments).judge_value(1, &Value::Object(case));
    if args.json {
        say(&Answer { id: Value::Null, verdict: verdict.clone(), label: None }.to_line());
    } else {
        let detail = verdict.detail.as_ref().map(|detail| format!(": {detail}")).unwrap_or_default();
        let limited = if verdict.limited { " (a limit ended the work)" } else { "" };
        say(&format!("{} {}{detail}{limited}", lines::name(verdict.status), verdict.score));
    }
    if verdict.status == Status::Error { Exit::WrongRecipe } else { Exit::Done }
}

/// What an answer is judged against, as the fields of a case.
fn gold_fields(domain: Domain, gold: &str) -> Result<Map<String, Value>, String> {
    if domain == Domain::Math {
        return Ok(Map::from_iter([("gold".to_owned(), Value::String(gold.into()))]));
    }
    match serde_json::from_str(gold) {
        Ok(Value::Object(fields)) if domain == Domain::Code && !fields.contains_key("tests") => {
            Ok(Map::from_iter([("tests".to_owned(), Value::Object(fields))]))
        }
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(Value::Array(tests)) if domain == Domain::SmallPrograms => {
            Ok(Map::from_iter([("tests".to_owned(), Value::Array(tests))]))
        }
        Ok(_) => Err("what the answer is judged against is a JSON object with the fields of a case".into()),
        Err(why) => Err(format!("what the answer is judged against is not JSON: {why}")),
    }
}

fn file_of_cases(args: &Args, domain: Domain, arguments: &BTreeMap<String, ArgumentValue>, file: &Path) -> Exit {
    let input: Box<dyn BufRead + Send> = if file == Path::new("-") {
        Box::new(BufReader::new(std::io::stdin()))
    } else {
        match std::fs::File::open(file) {
            Ok(open) => Box::new(BufReader::new(open)),
            Err(why) => return usage(&format!("cannot read `{}`: {why}", file.display())),
        }
    };
    let judge = || Judge::new(domain, arguments.clone());
    let tally = match lines::judge_all(input, &judge, usize::from(args.jobs), &mut |line| say(line)) {
        Ok(tally) => tally,
        Err(why) => {
            eprintln!("error: cannot read `{}`: {why}", file.display());
            return Exit::RunFailed;
        }
    };
    if !args.json {
        eprintln!("{}", tally.summary());
    }
    if tally.errors() > 0 { Exit::WrongRecipe } else { Exit::Done }
}
