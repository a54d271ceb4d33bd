//! Executes a plan: rollouts, rewards and training on candle.
pub mod data;
pub mod kernels;
pub mod rng;
pub mod verify;
