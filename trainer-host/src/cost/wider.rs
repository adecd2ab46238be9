//! Whether int8 activations pay on a core: the footprint of a model beside that of its shape with int16 activations.

use lstm_nostd::Parsed;
use lstm_nostd::artifact::{AlignedBytes, ModelFile};
use lstm_nostd::kernels::Scheme;

use super::{Core, Footprint, Limits};

/// A model of the same shape, in which layers of w8a8 are layers of w8a16 and all weights are zero; `None` if no layer
/// is in w8a8, or if the file cannot be made.
fn with_int16_activations(model: &Parsed<'_>) -> Option<AlignedBytes> {
    if !model.schemes().any(|scheme| scheme == Scheme::W8a8) {
        return None;
    }
    let mut file = ModelFile::from(model);
    file.golden = Vec::new();
    let wider = |scheme| match scheme {
        Scheme::W8a8 => Scheme::W8a16,
        other => other,
    };
    if let Some(conv) = &mut file.conv {
        let filters = &mut conv.filters;
        filters.scheme = wider(filters.scheme);
        filters.weight.iter_mut().for_each(|row| row.fill(0));
        filters.bias.fill(0);
    }
    for layer in &mut file.recurrent {
        *layer = layer.without_weights(wider(layer.scheme()));
    }
    for layer in &mut file.dense {
        layer.scheme = wider(layer.scheme);
        layer.input_shift = 0;
        layer.weight.iter_mut().for_each(|row| row.fill(0));
        layer.bias.fill(0);
    }
    file.to_bytes().ok()
}

/// The cores on which int8 activations save neither instructions nor RAM nor flash, in one line; `None` if there are
/// none. `footprints` are those of `model`, whose file has `file_bytes` bytes.
pub fn useless_int8(
    footprints: &[Footprint],
    model: &Parsed<'_>,
    file_bytes: usize,
) -> Option<String> {
    let bytes = with_int16_activations(model)?;
    let wider = Parsed::parse(&bytes).ok()?;
    let gains = |found: &Footprint| {
        let wide = Footprint::of(found.core, &Limits::default(), &wider, file_bytes);
        found.saves_against(&wide)
    };
    let cores = footprints.iter().filter(|found| !gains(found));
    let cores: Vec<&str> = cores.map(|found| Core::name(found.core)).collect();
    (!cores.is_empty()).then(|| {
        format!(
            "w8a8 saves neither time nor RAM nor flash against w8a16 on {}.",
            cores.join(", ")
        )
    })
}

#[cfg(test)]
mod tests {
    use lstm_nostd::Model;
    use lstm_nostd::artifact::RandomModel;

    use super::*;

    #[test]
    fn int8_is_useless_where_nothing_is_saved() {
        let shape = |scheme| RandomModel {
            inputs: 9,
            hidden: vec![32],
            outputs: 3,
            schemes: vec![scheme],
            ..RandomModel::default()
        };
        let bytes = shape(Scheme::W8a8).build().to_bytes().unwrap();
        let model = Model::parse(&bytes).unwrap();
        let of = |core| Footprint::of(core, &Limits::default(), &model, bytes.len());
        // Helium sums int8 twice as fast.
        assert_eq!(useless_int8(&[of(Core::M55)], &model, bytes.len()), None);
        let costly = Footprint {
            instructions: u64::MAX,
            flash_bytes: usize::MAX,
            ram_bytes: usize::MAX,
            ..of(Core::M4)
        };
        let line = useless_int8(&[of(Core::M55), costly], &model, bytes.len()).unwrap();
        assert!(line.ends_with("on M4."), "{line}");
        let bytes = shape(Scheme::W8a16).build().to_bytes().unwrap();
        let model = Model::parse(&bytes).unwrap();
        assert_eq!(useless_int8(&[costly], &model, bytes.len()), None);
    }
}
