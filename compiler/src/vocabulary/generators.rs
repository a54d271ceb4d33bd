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
    puzzle("boolean_expressions", 3),
    puzzle("calcudoko", 3),
    Generator { name: "calls", levels: 4, columns: &["functions", "ground_truth"] },
    puzzle("campsite", 3),
    puzzle("cryptarithm", 3),
    puzzle("dyck_language", 4),
    puzzle("dyck_language_errors", 3),
    puzzle("futoshiki", 3),
    Generator { name: "instructions", levels: 4, columns: &["instruction_id_list", "kwargs"] },
    puzzle("kukurasu", 3),
    puzzle("math_path", 3),
    puzzle("mathador", 3),
    puzzle("minesweeper", 3),
    puzzle("number_wall", 3),
    puzzle("numbrix", 3),
    puzzle("object_counting", 4),
    puzzle("ordering", 4),
    Generator { name: "programs", levels: 4, columns: &["tests"] },
    puzzle("sudoku", 3),
    puzzle("survo", 3),
    puzzle("time_sequence", 3),
    puzzle("web_of_lies", 4),
    puzzle("word_sorting", 4),
];

/// A generator of puzzles, which are all judged by `puzzle()`.
const fn puzzle(name: &'static str, levels: u32) -> Generator {
    Generator { name, levels, columns: &["game_data", "task"] }
}

/// The row of a generator.
pub fn generator(name: &str) -> Option<&'static Generator> {
    GENERATORS.iter().find(|row| row.name == name)
}
