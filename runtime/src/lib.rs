//! Executes a plan: rollouts, rewards and training on candle.
pub mod data;
pub mod report;
pub mod rng;
pub mod run_folder;
pub mod statistics;
pub mod verify;
