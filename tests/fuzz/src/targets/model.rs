//! A model file, its length and checksum repaired: refused, or every step as the specification says.
//!
//! An input is a file without its checksum.

use lstm_nostd::artifact::{AlignedBytes, LayerKind, RandomModel};
use lstm_nostd::kernels::scalar::Scalar;
use lstm_nostd::kernels::{Order, Scheme};
use lstm_nostd::{Block, Direction, I16F16, Model, Parsed, WindowModel};

use crate::Target;

pub(crate) const TARGET: Target = Target {
    name: "model",
    run: |data| {
        accepts(data);
    },
    seeds,
};

const CRC: crc::Crc<u32> = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC);
/// Where the header states the length of the file.
const FILE_BYTES: std::ops::Range<usize> = 8..12;
/// Longest input; longer ones only take longer.
const LONGEST: usize = 1 << 16;

pub(crate) fn accepts(data: &[u8]) -> bool {
    let mut content = data[..data.len().min(LONGEST)].to_vec();
    let length = (content.len() + 4) as u32;
    if let Some(place) = content.get_mut(FILE_BYTES) {
        place.copy_from_slice(&length.to_le_bytes());
    }
    let crc = CRC.checksum(&content);
    content.extend(crc.to_le_bytes());
    let bytes = AlignedBytes::from(content.as_slice());
    let Ok(parsed) = Parsed::parse(&bytes) else {
        return false;
    };
    if parsed.is_of_windows() {
        window_as_specified(&parsed.clone().into());
    }
    if let Ok(model) = Model::try_from(parsed.clone()) {
        steps_as_specified(&model);
    }
    let names = parsed.input_names().chain(parsed.output_names());
    names.for_each(|name| assert!(name.len() < 256));
    true
}

/// Extreme inputs, through the kernels of this machine and through the specification.
fn steps_as_specified(model: &Model<'_>) {
    let blocks = |count| vec![Block::default(); count];
    let mut hidden = [blocks(model.hidden_blocks()), blocks(model.hidden_blocks())];
    let mut cell = [0, 1].map(|_| vec![[0; 4]; model.cell_blocks()]);
    let mut scratch = blocks(model.scratch_blocks());
    let mut outputs = [0, 1].map(|_| vec![I16F16::ZERO; model.outputs()]);
    for extreme in [i32::MIN, i32::MAX, 0, 12_345] {
        let raw: Vec<i32> = (0..model.inputs())
            .map(|channel| if channel % 3 == 2 { !extreme } else { extreme })
            .collect();
        let state = (&mut hidden[0][..], &mut cell[0][..]);
        let stepped = model.step(state, &mut scratch, &raw, &mut outputs[0]);
        stepped.expect("buffers as long as the model says");
        let state = (&mut hidden[1][..], &mut cell[1][..]);
        let specified = model.observed_step(
            state,
            &mut scratch,
            &raw,
            &mut outputs[1],
            &mut |_, _, _| {},
        );
        specified.expect("buffers as long as the model says");
        assert_eq!(hidden[0], hidden[1]);
        assert_eq!(cell[0], cell[1]);
        assert_eq!(outputs[0], outputs[1]);
    }
}

/// Extreme inputs as a window, through the kernels of this machine and through the specification.
fn window_as_specified(model: &WindowModel<'_>) {
    let steps = [i32::MIN, i32::MAX, 0, 12_345];
    let raw: Vec<i32> = (steps.iter())
        .flat_map(|raw| vec![*raw; model.inputs()])
        .collect();
    let mut buffer = vec![Block::default(); model.buffer_blocks(steps.len())];
    let mut outputs = [0, 1].map(|_| vec![I16F16::ZERO; model.output_count(steps.len())]);
    let ran = model.run(&raw, &mut buffer, &mut outputs[0]);
    ran.expect("buffers as long as the model says");
    let specified = model.run_with::<Scalar>(&raw, &mut buffer, &mut outputs[1]);
    specified.expect("buffers as long as the model says");
    assert_eq!(outputs[0], outputs[1]);
}

const KINDS: [LayerKind; 5] = [
    LayerKind::Lstm,
    LayerKind::Gru,
    LayerKind::Coupled,
    LayerKind::GruBefore,
    LayerKind::Projected,
];

/// A small model in every scheme and order.
fn seeds() -> Vec<Vec<u8>> {
    let schemes = [
        vec![Scheme::W8a16],
        vec![Scheme::W8a8],
        vec![Scheme::W4a16],
        vec![Scheme::W8a16, Scheme::W8a8, Scheme::W4a16],
    ];
    let mut seeds = Vec::new();
    for schemes in schemes {
        for order in Order::ALL {
            if !schemes.iter().any(|scheme| order.of(*scheme) == order) {
                continue;
            }
            let shape = RandomModel {
                inputs: 3,
                hidden: vec![3, 2],
                // Each seed has two kinds, and each kind its turn.
                kinds: (KINDS.into_iter().cycle().skip(2 * seeds.len()))
                    .take(2)
                    .collect(),
                dense: vec![2],
                outputs: 2,
                peepholes: true,
                mean: order == Order::Generic,
                schemes: schemes.clone(),
                ..RandomModel::default()
            };
            let window = RandomModel {
                hidden: vec![3, 2, 2],
                directions: vec![Direction::Reverse, Direction::Forward, Direction::Beside],
                schemes: vec![schemes[0]],
                ..shape.clone()
            };
            for shape in [shape, window] {
                let mut file = shape.build();
                file.golden = vec![(vec![1; 3], vec![2; 2])];
                let bytes = file.to_bytes_in(order).expect("a model that fits");
                seeds.push(bytes[..bytes.len() - 4].to_vec());
            }
        }
    }
    seeds
}
