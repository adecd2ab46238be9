//! The quantisations of a run beside one another: how good each is, and what it costs.

use std::sync::Arc;

use lstm_nostd::kernels::Scheme;
use serde::Serialize;

use super::integers::{self, RunIntegers};
use super::quantisation::{Memory, OnCore, reference, steps_on_cores};
use super::{Run, quantisations};
use crate::cost::Core;
use crate::cost::front_end::SecondOfSignal;
use crate::data::{Dataset, Parts};
use crate::evaluate::{Baselines, Comparison, Outputs, compare};
use crate::integers::engine::AnyModel;
use crate::integers::stream;

/// One quantisation of a run.
#[derive(Clone, Debug, Serialize)]
pub struct Quantised {
    /// Its name.
    pub name: String,
    /// Of the convolution, if there is one, then of the recurrent layers, then of the dense layers.
    pub schemes: Vec<&'static str>,
    /// Which part the scores are of.
    pub part: &'static str,
    /// f32 and integers.
    pub comparison: Comparison,
    /// What a device needs.
    pub memory: Memory,
    /// A step on each core.
    pub cores: Vec<OnCore>,
    /// A second of signal on each core, front end and network apart, where the rate is known.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub seconds: Vec<SecondOfSignal>,
    /// What the integers say of that part.
    #[serde(skip)]
    pub outputs: Outputs,
    /// What the f32 network says of it that they are compared with.
    #[serde(skip)]
    pub float: Arc<Outputs>,
}

/// All quantisations of `run`, the oldest first, judged on the last part of `data` that there is. Those that cannot be
/// read, or are of other weights than the run has now, are left out, and a note for each says why. `baselines` were fitted to
/// the training part.
pub fn side_by_side(
    run: &Run,
    data: &Parts,
    baselines: &Baselines,
) -> (Vec<Quantised>, Vec<String>) {
    let all = quantisations::all(&run.folder);
    let mut notes = integers::left_out(run, all.unreadable);
    if all.readable.is_empty() {
        return (Vec::new(), notes);
    }
    let (part, judged) = data.last_judged();
    let reference = reference(run);
    let exact = Arc::new(reference.as_ref().unwrap_or(run).outputs(judged));
    let longest = data.longest();
    let mut found = Vec::new();
    for one in all.readable {
        let integers = match RunIntegers::of(run, one) {
            Ok(integers) => integers,
            Err(why) => {
                notes.push(format!("a quantisation is left out: {why}"));
                continue;
            }
        };
        let compared =
            |outputs: &Outputs| compare(judged, &exact, outputs).beside(baselines, judged);
        let one = Quantised::of(&integers, (part, judged), longest, &exact, compared);
        found.push(one);
    }
    (found, notes)
}

impl Quantised {
    fn of(
        integers: &RunIntegers,
        (part, judged): (&'static str, &Dataset),
        longest: usize,
        float: &Arc<Outputs>,
        compared: impl Fn(&Outputs) -> Comparison,
    ) -> Self {
        let model = AnyModel::parse(&integers.bytes).expect("integers of a run are a model");
        let cores = steps_on_cores(&model);
        let outputs = stream::outputs(&model, &judged.recordings());
        let second = |(core, step): (Core, &OnCore)| {
            SecondOfSignal::of_model(core, &model, step.instructions as f64)
        };
        let seconds = Core::ALL.into_iter().zip(&cores).filter_map(second);
        let schemes = integers.file.schemes();
        Self {
            name: integers.name.clone(),
            schemes: schemes.map(Scheme::name).collect(),
            part,
            comparison: compared(&outputs),
            outputs,
            float: Arc::clone(float),
            memory: Memory::of(&model, integers.bytes.len(), longest),
            seconds: seconds.collect(),
            cores,
        }
    }
}
