//! Executes a plan: rollouts, rewards and training on candle.
//!
//! ```text
//! Plan ──run / resume──▶ Trainer ──walks the nodes of a stage, step by step──▶ run folder, RunReport
//! ```
//!
//! In reading order: [`run`] begins or resumes, [`fork`] begins with a checkpoint, [`replay`] does a run again, [`train`] is the
//! loop. What a step is made of: [`data`], [`sampler`], [`generate`], [`verify`], [`rollout`], [`reward`], [`advantage`], [`loss`], [`policy`], [`optimizer`]. What it leaves: [`journal`],
//! [`checkpoint`], [`origin`], [`lock`], [`record`], [`evaluate`], [`run_folder`], [`statistics`], [`report`].
//!
//! *Invariants.* Nothing of the recipe is read but what is in a node of the plan. Only [`world`], [`journal`], [`disk`], [`checkpoint`],
//! [`data`] and [`sandbox`] touch the machine; [`generate`] reads a clock to say where its time went. The same plan gives the same bits
//! on a CPU, whatever the number of threads.

pub mod advantage;
pub mod answer;
pub mod checkpoint;
pub mod counters;
pub mod data;
pub mod device;
pub mod disk;
pub mod error;
pub mod evaluate;
pub mod fork;
pub mod generate;
pub mod health;
pub mod journal;
pub mod kernels;
pub mod lock;
pub mod loss;
mod measures;
pub mod model;
pub mod optimizer;
pub mod origin;
pub mod policy;
pub mod prompt;
pub mod record;
pub mod replay;
pub mod report;
pub mod reward;
pub mod rng;
pub mod rollout;
pub mod run;
pub mod run_folder;
pub mod sampler;
pub mod sandbox;
pub mod simulate;
pub mod statistics;
pub mod surface;
pub mod tensorboard;
pub mod tokenizer;
pub mod train;
pub mod verify;
pub mod world;
