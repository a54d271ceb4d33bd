//! The problems of an export as files: lines of JSON, or parquet in verl's columns.

use parquet::basic::{Compression, ConvertedType, Repetition, Type as Physical};
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{Type, TypePtr};
use recipec_compiler::export::{Rows, Target};
use recipec_compiler::settings::DataSource;
use recipec_runtime::data::{self, Data, Problem, Split};
use recipec_runtime::prompt::PromptTemplate;
use serde_json::json;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

/// Rows of one group of a parquet file: what is held in memory.
const GROUP: usize = 4_096;

/// Writes the problems of a domain and part, where they are at hand; what is fetched later is passed over.
pub fn write(rows: &Rows, target: Target, seed: u64, folder: &Path, data: &Path) -> Result<(), String> {
    match &rows.source {
        DataSource::Hub { .. } | DataSource::HeldOut => return Ok(()),
        DataSource::File { path } if !folder.join(path).is_file() => return Ok(()),
        DataSource::File { .. } | DataSource::Builtin { .. } => {}
    }
    let place = data.join(&rows.part).join(format!("{}.{}", rows.domain, target.format()));
    let failed = |why: &dyn std::fmt::Display| format!("cannot write `{}`: {why}", place.display());
    if let Some(above) = place.parent() {
        std::fs::create_dir_all(above).map_err(|why| failed(&why))?;
    }
    let opened = data::open(&rows.source, &rows.rules, seed, folder).map_err(|why| why.to_string())?;
    let template = rows.prompt.as_deref().map(PromptTemplate::parse).transpose()?;
    let file = File::create(&place).map_err(|why| failed(&why))?;
    let problems = problems(opened.as_ref(), rows);
    match target {
        Target::Verl => parquet(file, rows, template.as_ref(), problems).map_err(|why| failed(&why)),
        _ => lines(file, rows, template.as_ref(), problems).map_err(|why| failed(&why)),
    }
}

type Found<'d> = Box<dyn Iterator<Item = Problem> + 'd>;

fn problems<'d>(data: &'d dyn Data, rows: &Rows) -> Found<'d> {
    // They stand in a list of the program, so that they live as long as it.
    let sides: &'static [Split] = match rows.held_out {
        Some(false) => &[Split::Train],
        Some(true) => &[Split::HeldOut],
        None => &[Split::Train, Split::HeldOut],
    };
    let asked = rows.problems;
    let of = move |split: &'static Split| {
        let all = data.len(*split);
        let n = match (all, asked) {
            (Some(all), Some(asked)) => all.min(asked),
            (Some(n), None) | (None, Some(n)) => n,
            // A generator never ends: an export always says how many.
            (None, None) => 0,
        };
        (0..n).map(move |at| data.problem(*split, at))
    };
    Box::new(sides.iter().flat_map(of).take(asked.map_or(usize::MAX, |n| usize::try_from(n).unwrap_or(usize::MAX))))
}

fn prompt(template: Option<&PromptTemplate>, problem: &Problem) -> String {
    template.map_or_else(|| problem.prompt.clone(), |template| template.fill(problem))
}

fn lines(file: File, rows: &Rows, template: Option<&PromptTemplate>, problems: Found<'_>) -> std::io::Result<()> {
    let mut out = BufWriter::new(file);
    for problem in problems {
        let row = json!({ "prompt": prompt(template, &problem), "domain": rows.domain, "columns": problem.columns });
        writeln!(out, "{row}")?;
    }
    out.flush()
}

/// The columns that verl reads: `prompt` is a list of messages, here of one.
fn schema() -> parquet::errors::Result<TypePtr> {
    let text = |name: &str| {
        let leaf = Type::primitive_type_builder(name, Physical::BYTE_ARRAY);
        leaf.with_repetition(Repetition::REQUIRED).with_converted_type(ConvertedType::UTF8).build().map(Arc::new)
    };
    let group = |name: &str, repetition, converted, fields| {
        let group = Type::group_type_builder(name).with_repetition(repetition).with_converted_type(converted);
        group.with_fields(fields).build().map(Arc::new)
    };
    let index = Type::primitive_type_builder("index", Physical::INT64).with_repetition(Repetition::REQUIRED).build()?;
    let none = ConvertedType::NONE;
    let message = group("element", Repetition::REQUIRED, none, vec![text("role")?, text("content")?])?;
    let list = group("list", Repetition::REPEATED, none, vec![message])?;
    let prompt = group("prompt", Repetition::REQUIRED, ConvertedType::LIST, vec![list])?;
    let truth = group("reward_model", Repetition::REQUIRED, none, vec![text("style")?, text("ground_truth")?])?;
    let extra = group("extra_info", Repetition::REQUIRED, none, vec![Arc::new(index), text("part")?])?;
    let fields = vec![prompt, text("data_source")?, truth, extra];
    Ok(Arc::new(Type::group_type_builder("schema").with_fields(fields).build()?))
}

fn parquet(
    file: File,
    rows: &Rows,
    template: Option<&PromptTemplate>,
    mut problems: Found<'_>,
) -> parquet::errors::Result<()> {
    let properties = WriterProperties::builder().set_compression(Compression::UNCOMPRESSED);
    // The name of the writer would change the bytes with every version of it.
    let properties = Arc::new(properties.set_created_by("recipec".into()).build());
    let mut writer = SerializedFileWriter::new(file, schema()?, properties)?;
    let mut first = 0i64;
    loop {
        let some: Vec<Problem> = problems.by_ref().take(GROUP).collect();
        if some.is_empty() {
            break;
        }
        let texts = |of: &dyn Fn(&Problem) -> String| -> Vec<ByteArray> {
            some.iter().map(|problem| ByteArray::from(of(problem).into_bytes())).collect()
        };
        let same = |text: &str| vec![ByteArray::from(text.as_bytes().to_vec()); some.len()];
        let truth = |problem: &Problem| serde_json::to_string(&problem.columns).unwrap_or_default();
        // In the order of the leaves of the schema.
        let mut columns = vec![
            same("user"),
            texts(&|problem| prompt(template, problem)),
            same(&rows.domain),
            same("rule"),
            texts(&truth),
            Vec::new(),
            same(&rows.part),
        ]
        .into_iter();
        let numbers: Vec<i64> = (first..).take(some.len()).collect();
        // A message is the first and only one of its list.
        let (defined, repeated) = (vec![1i16; some.len()], vec![0i16; some.len()]);
        let mut group = writer.next_row_group()?;
        let mut place = 0;
        while let Some(mut column) = group.next_column()? {
            let values = columns.next().unwrap_or_default();
            let levels = (place < 2).then_some((defined.as_slice(), repeated.as_slice()));
            match column.untyped() {
                ColumnWriter::ByteArrayColumnWriter(typed) => {
                    typed.write_batch(&values, levels.map(|l| l.0), levels.map(|l| l.1))?;
                }
                ColumnWriter::Int64ColumnWriter(typed) => {
                    typed.write_batch(&numbers, None, None)?;
                }
                _ => {}
            }
            column.close()?;
            place += 1;
        }
        group.close()?;
        first += some.len() as i64;
    }
    writer.close()?;
    Ok(())
}
