//! The frozen models of a run, opened when a verifier asks for them and once only.

use super::endpoint::{Address, Endpoint};
use super::local::Local;
use super::record::Record;
use super::{Asked, Judge};
use crate::error::RunError;
use crate::model;
use crate::verify::{Verifier, VerifierError};
use candle_core::Device;
use recipec_compiler::plan::{NodeKind, StagePlan};
use recipec_compiler::settings::{ModelSource, Precision, VerifierSettings};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Name of the file with the digests of the models that judge.
pub const JUDGES: &str = "judges.json";

/// Waiting time before a request is made again.
const PAUSE: Duration = Duration::from_millis(500);

/// The models of a run.
pub struct Models {
    run_folder: PathBuf,
    data_folder: PathBuf,
    seed: u64,
    device: Device,
    threads: usize,
    opened: BTreeMap<String, Arc<dyn Asked>>,
    record: Option<Arc<Record>>,
}

impl Models {
    /// No model yet. `data_folder` is what paths are relative to; what served models say is kept in `run_folder`.
    pub fn new(run_folder: &Path, data_folder: &Path, seed: u64, device: &Device, threads: usize) -> Self {
        Self {
            run_folder: run_folder.to_path_buf(),
            data_folder: data_folder.to_path_buf(),
            seed,
            device: device.clone(),
            threads,
            opened: BTreeMap::new(),
            record: None,
        }
    }

    /// The judge of a stage's domain or suite.
    pub fn judge(
        &mut self,
        domain: &str,
        stage: &StagePlan,
        settings: &VerifierSettings,
    ) -> Result<Box<dyn Verifier>, RunError> {
        let failed = |source| RunError::Verifier { domain: domain.to_owned(), source };
        let name = Judge::model(settings).map_err(failed)?;
        let found = stage.nodes.iter().find_map(|node| match &node.kind {
            NodeKind::Model { name: model, source, precision } if model == name => Some((source, precision)),
            _ => None,
        });
        let (source, precision) =
            found.ok_or_else(|| RunError::Plan(format!("no node for the model `{name}` in this stage")))?;
        let model = match self.opened.get(name) {
            Some(model) => Arc::clone(model),
            None => {
                let model = self.open(name, source, *precision)?;
                self.opened.insert(name.to_owned(), Arc::clone(&model));
                model
            }
        };
        Ok(Box::new(Judge::open(settings, model).map_err(failed)?))
    }

    fn open(&mut self, name: &str, source: &ModelSource, precision: Precision) -> Result<Arc<dyn Asked>, RunError> {
        if let ModelSource::Endpoint { url, model, key, timeout_seconds, parallel } = source {
            let key = key.as_ref().map(|variable| key_of(name, variable)).transpose()?;
            let record = match &self.record {
                Some(record) => Arc::clone(record),
                None => {
                    let record = Arc::new(Record::open(&self.run_folder)?);
                    self.record = Some(Arc::clone(&record));
                    record
                }
            };
            let address = Address {
                url: url.clone(),
                model: model.clone(),
                timeout: Duration::try_from_secs_f64(*timeout_seconds).unwrap_or(Duration::MAX),
                parallel: *parallel as usize,
                pause: PAUSE,
                seed: self.seed,
            };
            return Ok(Arc::new(Endpoint::new(address, key, Some(record))));
        }
        if precision != Precision::F32 {
            let what = format!("`precision = bf16` of model `{name}`");
            return Err(RunError::Unsupported { what, why: "use `precision = f32`".into() });
        }
        let model = model::open(source, &self.data_folder, self.seed_of(name), &self.device)?;
        self.same_as_before(name, &model.policy.digest()?)?;
        Ok(Arc::new(Local::new(model, self.threads)))
    }

    /// A `fresh` judge has weights of its own, not those of a fresh policy of its sizes.
    fn seed_of(&self, name: &str) -> u64 {
        let digest = blake3::hash(format!("{} {name}", self.seed).as_bytes());
        digest.as_bytes().iter().take(8).fold(0, |seed, byte| seed << 8 | u64::from(*byte))
    }

    /// A resumed run is judged by the weights that it began with.
    fn same_as_before(&self, name: &str, digest: &str) -> Result<(), RunError> {
        let path = self.run_folder.join(JUDGES);
        let mut known: BTreeMap<String, String> = match std::fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text)
                .map_err(|why| RunError::Damaged { path: path.clone(), why: why.to_string() })?,
            Err(why) if why.kind() == std::io::ErrorKind::NotFound => BTreeMap::new(),
            Err(why) => return Err(RunError::io("cannot read", &path)(why)),
        };
        match known.get(name) {
            Some(before) if before == digest => Ok(()),
            Some(_) => {
                let difference =
                    format!("the weights of model `{name}`, which judges, are not those the run began with");
                Err(RunError::OtherPlan { difference })
            }
            None => {
                known.insert(name.to_owned(), digest.to_owned());
                let text = serde_json::to_vec_pretty(&known)
                    .map_err(|why| RunError::Damaged { path: path.clone(), why: why.to_string() })?;
                std::fs::write(&path, text).map_err(RunError::io("cannot write", &path))
            }
        }
    }
}

/// The key in an environment variable. Nothing but the name of the variable is ever told.
fn key_of(model: &str, variable: &str) -> Result<String, RunError> {
    let why = match std::env::var(variable) {
        Ok(key) if !key.trim().is_empty() && key.chars().all(|c| c.is_ascii_graphic()) => return Ok(key),
        Ok(key) if key.trim().is_empty() => "is empty",
        Ok(_) | Err(std::env::VarError::NotUnicode(_)) => "holds a blank or another character that no key has",
        Err(std::env::VarError::NotPresent) => "is not set",
    };
    Err(RunError::Verifier {
        domain: model.to_owned(),
        source: VerifierError::Unavailable {
            name: "judge".into(),
            why: format!("the environment variable `{variable}` with the key of model `{model}` {why}"),
        },
    })
}
