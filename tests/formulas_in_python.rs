//! What an export computes elsewhere is what a run computes here: every formula of every recipe, with every variant, as generated Python
//! against the evaluator, on random groups.
//!
//! Both work with the floats of IEEE 754 in the same order, so all results are the same to the last bit, but for `exp`, `log` and powers:
//! those come from the C library there and from `libm` here, and may differ by one unit in the last place. The test measures that.

use recipec_compiler::formula::{Program, Scratch, script};
use recipec_compiler::plan::NodeKind;
use recipec_compiler::{FileId, NoFiles, Options, Source, check, compile};
use std::collections::BTreeMap;
use std::io::{Read, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

/// A small generator: the same inputs on every machine.
struct Draws(u64);

impl Draws {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mut x = self.0;
        x ^= x >> 33;
        x = x.wrapping_mul(0xff51_afd7_ed55_8ccd);
        x ^= x >> 33;
        (x >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A value for an input: most are what such a signal can be, some are on an edge, and one in fifty is what no signal should be.
    fn value(&mut self, name: &str) -> f64 {
        let truths = ["correct", "wrong", "answered", "parsable", "truncated", "finished", "present"];
        let at = self.next();
        if self.next() < 0.02 {
            let edges = [0.0, -0.0, 1.0, -1.0, 1e-300, -1e300, f64::INFINITY, f64::NEG_INFINITY, f64::NAN];
            return edges[(at * edges.len() as f64) as usize % edges.len()];
        }
        if truths.contains(&name) {
            return (at * 2.0).floor();
        }
        if name.contains("length") || name.contains("tokens") || name.starts_with("budget") {
            return 1.0 + (at * 20_000.0).floor();
        }
        match name {
            "domain" => (at * 6.0).floor(),
            "group_size" => 8.0,
            "solve_rate" => (at * 8.999).floor() / 8.0,
            "sampled" | "completed" | "trained" | "in_flight" | "step" => (at * 4_000.0).floor(),
            "ratio" | "achieved" | "yield" | "progress" | "score" | "judge" => {
                if self.next() < 0.2 {
                    (at * 2.0).floor()
                } else {
                    at
                }
            }
            _ => at * 4.0 - 2.0,
        }
    }
}

/// Every program of a recipe and of its variants, each once.
fn programs(file: &Path) -> Vec<(String, Program)> {
    let text = std::fs::read_to_string(file).expect("a recipe");
    let mut found: BTreeMap<String, (String, Program)> = BTreeMap::new();
    let source = || Source::new(FileId(0), file.display().to_string(), text.clone());
    let of = |variant: Option<String>| check(source(), &NoFiles, &Options { variant, ..Options::default() }).recipe;
    let base = of(None).unwrap_or_else(|| panic!("{} is not clean", file.display()));
    let variants = base.variants.clone();
    for recipe in std::iter::once(Some(base)).chain(variants.into_iter().map(|variant| of(Some(variant)))).flatten() {
        let (_, plan) = compile(&recipe).expect("a plan");
        for node in plan.stages.iter().flat_map(|stage| &stage.nodes) {
            let (NodeKind::Sampler { weight: program, .. }
            | NodeKind::Penalty { program, .. }
            | NodeKind::Reward { program }) = &node.kind
            else {
                continue;
            };
            found.entry(program.canonical()).or_insert_with(|| (node.id.clone(), program.clone()));
        }
    }
    found.into_values().collect()
}

const DRIVER: &str = r#"
import struct, sys
read, write = sys.stdin.buffer.read, sys.stdout.buffer.write
while True:
    head = read(12)
    if not head:
        break
    which, rows, rounds = struct.unpack("<III", head)
    function, inputs, outputs = FUNCTIONS[which]
    states = {}
    for at in range(rounds):
        numbers = struct.unpack(f"<{rows * len(inputs)}d", read(8 * rows * len(inputs)))
        group = [dict(zip(inputs, numbers[row * len(inputs):(row + 1) * len(inputs)])) for row in range(rows)]
        function(group, states, at % 3 == 1)
        write(struct.pack(f"<{rows * len(outputs)}d", *[row[name] for row in group for name in outputs]))
"#;

/// How many floats lie between two.
fn apart(x: f64, y: f64) -> u64 {
    if x.to_bits() == y.to_bits() || (x.is_nan() && y.is_nan()) {
        return 0;
    }
    let order = |x: f64| {
        let bits = x.to_bits() as i64;
        if bits < 0 { i64::MIN.wrapping_sub(bits) } else { bits }
    };
    order(x).abs_diff(order(y))
}

/// Compares so many rows of inputs per recipe; prints the largest distance.
fn compare(rows_per_recipe: usize) {
    let python = Command::new("python3").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if python.is_err() {
        eprintln!("this machine has no python3: nothing was compared");
        return;
    }
    let mut files: Vec<_> =
        std::fs::read_dir("recipes").expect("recipes").flatten().map(|entry| entry.path()).collect();
    files.retain(|path| path.extension().is_some_and(|end| end == "recipe"));
    files.sort();
    assert!(files.len() >= 10, "{files:?}");
    let (mut compared, mut exact_formulas) = (0usize, 0usize);
    for file in files {
        let programs = programs(&file);
        let mut text = format!("{}\n", script::OPERATIONS);
        let mut table = String::from("FUNCTIONS = [\n");
        for (at, (id, program)) in programs.iter().enumerate() {
            text.push_str(&script::function(&format!("f{at}"), &program.canonical(), program));
            text.push('\n');
            let list = |names: &[String]| {
                format!("[{}]", names.iter().map(|n| format!("{},", script::quoted(n))).collect::<String>())
            };
            table.push_str(&format!("    (f{at}, {}, {}),  # {id}\n", list(program.inputs()), list(program.outputs())));
        }
        let scratch = tempfile::tempdir().expect("a folder");
        let path = scratch.path().join("formulas.py");
        std::fs::write(&path, format!("{text}{table}]\n{DRIVER}")).expect("a file");
        let mut child = Command::new("python3")
            .arg(&path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 starts");
        let (mut stdin, mut stdout) = (child.stdin.take().expect("in"), child.stdout.take().expect("out"));
        let mut draws = Draws(11);
        let mut worst = (0u64, String::new());
        for (at, (id, program)) in programs.iter().enumerate() {
            let rows = 8;
            let rounds = rows_per_recipe.div_ceil(rows * programs.len());
            let inexact = ["power", "exp", "log"].iter().any(|op| program.canonical().contains(op));
            exact_formulas += usize::from(!inexact);
            let mut head = Vec::new();
            for n in [at as u32, rows as u32, rounds as u32] {
                head.extend(n.to_le_bytes());
            }
            stdin.write_all(&head).expect("it reads");
            let mut buffers = Scratch::new();
            for round in 0..rounds {
                let n = program.inputs().len();
                let inputs: Vec<f64> = (0..rows)
                    .flat_map(|_| program.inputs().iter().map(|name| draws.value(name)).collect::<Vec<_>>())
                    .collect();
                stdin.write_all(&inputs.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>()).expect("it reads");
                stdin.flush().expect("it reads");
                let columns: Vec<Vec<f64>> =
                    (0..n).map(|input| (0..rows).map(|row| inputs[row * n + input]).collect()).collect();
                let columns: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
                if round % 3 == 1 {
                    program.observe(rows, &columns, &mut buffers);
                } else {
                    program.evaluate(rows, &columns, &mut buffers);
                }
                let outputs = program.outputs().len();
                let mut bytes = vec![0; 8 * rows * outputs];
                stdout.read_exact(&mut bytes).expect("it answers");
                for (place, bytes) in bytes.chunks_exact(8).enumerate() {
                    let theirs = f64::from_le_bytes(bytes.try_into().expect("eight bytes"));
                    let (row, output) = (place / outputs, place % outputs);
                    let ours = buffers.output(output)[row];
                    let distance = apart(ours, theirs);
                    let what = || {
                        let given: Vec<String> =
                            (0..n).map(|i| format!("{} = {:?}", program.inputs()[i], inputs[row * n + i])).collect();
                        format!(
                            "{} of {id} of {}: {ours:?} here, {theirs:?} in Python; {}",
                            program.outputs()[output],
                            file.display(),
                            given.join(", ")
                        )
                    };
                    assert!(inexact || distance == 0, "{}", what());
                    // A power that is one unit off is rounded once more by what is made of it, and a sum can cancel.
                    let near = distance <= 2 || (ours - theirs).abs() <= f64::EPSILON;
                    assert!(near, "{distance} units: {}", what());
                    if distance > worst.0 {
                        worst = (distance, what());
                    }
                    compared += 1;
                }
            }
        }
        drop(stdin);
        assert!(child.wait().expect("it ends").success());
        println!("{}: {} formulas, largest distance {} {}", file.display(), programs.len(), worst.0, worst.1);
    }
    println!("{compared} values of {exact_formulas} formulas without exp, log and powers, and of the others");
    assert!(compared >= rows_per_recipe && exact_formulas > 20, "{compared}, {exact_formulas}");
}

#[test]
fn generated_python_gives_the_same_floats() {
    compare(2_000);
}

#[test]
#[ignore = "slow: scripts/slow-tests formulas"]
fn a_hundred_thousand_inputs_of_every_recipe() {
    compare(100_000);
}
