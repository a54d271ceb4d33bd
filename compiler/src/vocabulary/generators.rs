//! The seeded generators of the runtime, as `builtin("NAME")` names them: what a check must know of them without running one.
//! A test of the runtime holds this table to the generators themselves.

/// A row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Generator {
    /// Its name in a recipe.
    pub name: &'static str,
    /// How many levels it has; they are numbered from 1.
    pub levels: u32,
    /// The columns of its problems, beside the prompt and the demonstration.
    pub columns: &'static [&'static str],
}

/// The column that every generator can fill with a demonstration.
pub const DEMONSTRATION: &str = "demonstration";

/// Every generator, in alphabetical order.
pub const GENERATORS: &[Generator] = &[
    Generator { name: "arithmetic", levels: 5, columns: &["answer"] },
    Generator { name: "calls", levels: 4, columns: &["functions", "ground_truth"] },
    Generator { name: "instructions", levels: 4, columns: &["instruction_id_list", "kwargs"] },
    Generator { name: "ordering", levels: 4, columns: &["game_data", "task"] },
    Generator { name: "programs", levels: 4, columns: &["tests"] },
];

/// The row of a generator.
pub fn generator(name: &str) -> Option<&'static Generator> {
    GENERATORS.iter().find(|row| row.name == name)
}
