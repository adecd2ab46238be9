//! Data sets written as long CSV, for other programs and as a pattern for one's own files.

use std::collections::HashSet;
use std::path::Path;

use super::error::{DataError, Place, Problem};
use super::{Columns, Dataset, Targets};

/// A data set as long CSV: what [`open()`](super::open()) reads back, given its outputs as
/// [`Columns::targets`] where it is a regression.
///
/// Refuses names of channels, outputs or the four leading columns that are not all different.
pub fn to_long_csv(data: &Dataset) -> Result<Vec<u8>, DataError> {
    let place = Place::file(Path::new("long CSV"));
    let columns = Columns::default();
    let mut header = vec![columns.series, columns.time];
    header.extend(data.groups.as_ref().map(|_| columns.group));
    header.extend(data.channels.iter().cloned());
    match data.targets.task().is_class() {
        true => header.push(columns.label),
        false => header.extend(data.outputs.iter().cloned()),
    }
    let mut seen = HashSet::new();
    if let Some(name) = header.iter().find(|name| !seen.insert(name.as_str())) {
        return Err(place.refuse(Problem::DuplicateColumn { name: name.clone() }));
    }
    let mut writer = csv::Writer::from_writer(Vec::new());
    let write = |writer: &mut csv::Writer<Vec<u8>>, row: &[String]| {
        writer
            .write_record(row)
            .map_err(|error| place.clone().refuse(Problem::Unreadable(error.into())))
    };
    write(&mut writer, &header)?;
    for (i, steps) in data.sequences.iter().enumerate() {
        for (t, values) in steps.rows().into_iter().enumerate() {
            let mut row = vec![i.to_string(), t.to_string()];
            row.extend(data.groups.as_ref().map(|groups| groups[i].clone()));
            row.extend(
                values
                    .iter()
                    .enumerate()
                    .map(|(j, value)| match data.offset(j) {
                        0.0 => value.to_string(),
                        offset => (f64::from(*value) + offset).to_string(),
                    }),
            );
            match &data.targets {
                Targets::Class(classes) => row.push(data.outputs[classes[i]].clone()),
                Targets::ClassPerStep(classes) => row.push(data.outputs[classes[i][t]].clone()),
                Targets::Value(values) => row.extend(values[i].iter().map(f32::to_string)),
                Targets::ValuePerStep(values) => {
                    row.extend(values[i].row(t).iter().map(f32::to_string));
                }
            }
            write(&mut writer, &row)?;
        }
    }
    writer
        .into_inner()
        .map_err(|error| place.refuse(Problem::Unreadable(error.into_error())))
}
