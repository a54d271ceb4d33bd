//! Executes a plan: rollouts, rewards and training on candle.
pub mod data;
pub mod generate;
pub mod kernels;
pub mod optimizer;
pub mod policy;
pub mod rng;
pub mod tokenizer;
pub mod verify;
