//! ONNX graphs that are small and wrong: each is refused by name, and a right one beside it is taken.

use std::path::Path;

use prost::Message;

use super::super::onnx::proto::{
    Attribute, Dimension, Graph, Model, Node, OperatorSet, Shape, Tensor, TensorType, Type,
    ValueInfo,
};
use super::super::*;

/// Steps, sequences, channels and units.
const SIZES: [usize; 4] = [11, 4, 3, 5];

fn node(operator: &str, inputs: &str, outputs: &str, attribute: Vec<Attribute>) -> Node {
    let names = |text: &str| text.split(' ').map(|name| name.replace('-', "")).collect();
    Node {
        input: names(inputs),
        output: names(outputs),
        op_type: operator.into(),
        attribute,
        ..Node::default()
    }
}

fn int(name: &str, i: i64) -> Attribute {
    Attribute {
        name: name.into(),
        i,
        kind: 2,
        ..Attribute::default()
    }
}

fn ints(name: &str, ints: &[i64]) -> Attribute {
    Attribute {
        name: name.into(),
        ints: ints.to_vec(),
        kind: 7,
        ..Attribute::default()
    }
}

/// A constant of floats, which differ.
fn floats(name: &str, dims: &[i64]) -> Tensor {
    let count: i64 = dims.iter().product();
    Tensor {
        name: name.into(),
        dims: dims.to_vec(),
        data_type: 1,
        float_data: (0..count).map(|k| (k as f32).sin() - 1.5).collect(),
        ..Tensor::default()
    }
}

fn whole(name: &str, values: &[i64]) -> Tensor {
    Tensor {
        name: name.into(),
        dims: vec![values.len() as i64],
        data_type: 7,
        int64_data: values.to_vec(),
        ..Tensor::default()
    }
}

fn input(name: &str, elem_type: i32, dims: &[Option<usize>]) -> ValueInfo {
    let dim = dims.iter().map(|size| Dimension {
        dim_value: size.map(|size| size as i64),
        dim_param: None,
    });
    let shape = Some(Shape { dim: dim.collect() });
    ValueInfo {
        name: name.into(),
        kind: Some(Type {
            tensor: Some(TensorType { elem_type, shape }),
        }),
    }
}

/// An LSTM that reads `inputs`, and its weights.
fn lstm(inputs: &str, outputs: &str) -> Node {
    node("LSTM", inputs, outputs, vec![int("hidden_size", 5)])
}

fn weights(letter: &str, channels: usize) -> [Tensor; 3] {
    let units = SIZES[3] as i64;
    let name = |part: &str| format!("{part}{letter}");
    [
        floats(&name("W"), &[1, 4 * units, channels as i64]),
        floats(&name("R"), &[1, 4 * units, units]),
        floats(&name("B"), &[1, 8 * units]),
    ]
}

/// What becomes of a graph from `x` to `o`.
fn import(
    nodes: Vec<Node>,
    constants: Vec<Tensor>,
    inputs: Vec<ValueInfo>,
) -> Result<Source, String> {
    let base = weights("", SIZES[2])
        .into_iter()
        .chain(weights("2", SIZES[3]));
    let graph = Graph {
        node: nodes,
        initializer: base.chain([whole("one", &[1])]).chain(constants).collect(),
        input: inputs,
        output: vec![input("o", 1, &[])],
        ..Graph::default()
    };
    let model = Model {
        ir_version: 8,
        graph: Some(graph),
        opset_import: vec![OperatorSet {
            domain: String::new(),
            version: 17,
        }],
        ..Model::default()
    };
    let source = read(&model.encode_to_vec(), &Hints::default()).map_err(|e| e.to_string())?;
    match assemble(&source, Path::new("a.onnx")) {
        Ok(_) => Ok(source),
        Err(error) => Err(error.to_string()),
    }
}

fn fixed() -> Vec<ValueInfo> {
    let [steps, sequences, channels, _] = SIZES;
    vec![input(
        "x",
        1,
        &[Some(steps), Some(sequences), Some(channels)],
    )]
}

/// Steps and sequences are open.
fn open_sizes() -> Vec<ValueInfo> {
    vec![input("x", 1, &[None, None, Some(SIZES[2])])]
}

/// Nodes behind `s`, which is `[T, B, H]`.
fn after(nodes: Vec<Node>) -> Vec<Node> {
    let first = [
        lstm("x W R B", "Y h"),
        node("Squeeze", "Y one", "s", vec![]),
    ];
    first.into_iter().chain(nodes).collect()
}

#[track_caller]
fn refused(found: Result<Source, String>, words: &str) {
    let message = found.expect_err("it was taken");
    assert!(message.contains(words), "{message}");
    assert!(
        message.lines().count() == 1 && message.len() < 1000,
        "{message}"
    );
}

#[track_caller]
fn taken(found: Result<Source, String>) {
    assert!(found.is_ok(), "{found:?}");
}

#[test]
fn small_graphs_do_not_grow_without_a_limit() {
    let many = 100_000;
    let mul = vec![node("Mul", "x big", "m", vec![]), lstm("m W R B", "o")];
    refused(
        import(mul, vec![floats("big", &[many])], open_sizes()),
        "4096",
    );
    let wide = after(vec![
        node("MatMul", "h big", "m", vec![]),
        node("Relu", "m", "o", vec![]),
    ]);
    refused(
        import(wide, vec![floats("big", &[5, many / 10])], fixed()),
        "4096",
    );
    // A list that doubles.
    let name = |n: usize| format!("c{n}");
    let doubling = (0..40).map(|n| {
        let twice = format!("{0} {0}", name(n));
        node("Concat", &twice, &name(n + 1), vec![int("axis", 0)])
    });
    let mut nodes: Vec<Node> = doubling.collect();
    nodes.push(node("Reshape", "x c40", "m", vec![]));
    nodes.push(lstm("m W R B", "o"));
    refused(import(nodes, vec![whole("c0", &[1])], fixed()), "Concat");
    // A constant that is named over and over again.
    let repeated = (0..2000).map(|n| node("Identity", &name(n), &name(n + 1), vec![]));
    let last = [node("MatMul", "h c2000", "o", vec![])];
    let nodes = after(repeated.chain(last).collect());
    refused(
        import(nodes, vec![floats("c0", &[5, 4000])], fixed()),
        "over and over",
    );
    // Layers that are more than a network has.
    let alternating = (0..40).map(|n| {
        let operator = if n % 2 == 0 { "Relu" } else { "Add" };
        let inputs = if n % 2 == 0 {
            name(n)
        } else {
            format!("{} five", name(n))
        };
        node(operator, &inputs, &name(n + 1), vec![])
    });
    let first = node("Identity", "h", "c0", vec![]);
    let last = node("Identity", "c40", "o", vec![]);
    let nodes = after(
        [first]
            .into_iter()
            .chain(alternating)
            .chain([last])
            .collect(),
    );
    refused(
        import(nodes, vec![floats("five", &[5])], fixed()),
        "too deep",
    );
}

#[test]
fn what_works_along_another_axis_is_refused() {
    let turn = |perm: &[i64]| node("Transpose", "s", "t", vec![ints("perm", perm)]);
    let softmax = |from: &str| node("Softmax", from, "o", vec![int("axis", -1)]);
    let nodes = after(vec![turn(&[1, 2, 0]), softmax("t")]);
    refused(import(nodes, vec![], fixed()), "Softmax");
    taken(import(
        after(vec![turn(&[1, 0, 2]), softmax("t")]),
        vec![],
        fixed(),
    ));
    // A factor for each step, which looks like one for each channel before the LSTM says what they are.
    let before = |perm: &[i64]| {
        vec![
            node("Mul", "x f", "m", vec![]),
            node("Transpose", "m", "t", vec![ints("perm", perm)]),
            lstm("t W R B", "o"),
        ]
    };
    let inputs = vec![input("x", 1, &[Some(3), Some(4), Some(3)])];
    let factors = vec![floats("f", &[3])];
    refused(
        import(before(&[2, 1, 0]), factors.clone(), inputs.clone()),
        "another axis",
    );
    taken(import(before(&[0, 1, 2]), factors, inputs));
    // Values of sequences.
    let gemm = |dims: &[i64]| {
        let nodes = after(vec![node("Gemm", "h w c", "o", vec![])]);
        import(
            nodes,
            vec![floats("w", &[5, 2]), floats("c", dims)],
            fixed(),
        )
    };
    refused(gemm(&[2, 1]), "input C");
    taken(gemm(&[1, 2]));
    taken(gemm(&[2]));
}

#[test]
fn lengths_of_sequences_are_the_same_in_all_layers() {
    let [steps, sequences, ..] = SIZES;
    let lens = |name: &str, values: &[i64]| whole(name, values);
    let two = |first: &str, second: &str| {
        vec![
            lstm(&format!("x W R B {first}"), "Y h"),
            node("Squeeze", "Y one", "s", vec![]),
            lstm(&format!("s W2 R2 B2 {second}"), "- o"),
        ]
    };
    let all = || {
        vec![
            lens("a", &[11, 3, 5, 7]),
            lens("b", &[9, 3, 5, 7]),
            lens("full", &[steps as i64; 4]),
            lens("negative", &[11, -1, 5, 7]),
        ]
    };
    refused(import(two("a", "-"), all(), fixed()), "sequence_lens");
    refused(import(two("a", "b"), all(), fixed()), "sequence_lens");
    refused(import(two("a", "full"), all(), fixed()), "sequence_lens");
    refused(
        import(two("negative", "negative"), all(), fixed()),
        "above zero",
    );
    let source = import(two("a", "a"), all(), fixed()).unwrap();
    assert_eq!(source.lengths, Some(vec![11, 3, 5, 7]));
    assert_eq!(
        import(two("full", "-"), all(), fixed()).unwrap().lengths,
        None
    );
    // Steps above a layer of all steps do not matter.
    taken(import(two("-", "a"), all(), fixed()));
    // The last step of Y is padding.
    let mut inputs = fixed();
    inputs.push(input("outside", 6, &[Some(sequences)]));
    for lengths in ["a", "outside"] {
        let nodes = |index: Vec<Node>| {
            let first = lstm(&format!("x W R B {lengths}"), "Y h");
            [first].into_iter().chain(index).collect()
        };
        let gather = node("Gather", "Y last", "o", vec![int("axis", 0)]);
        let mut last = all();
        last.push(whole("last", &[-1]));
        refused(import(nodes(vec![gather]), last, inputs.clone()), "Y_h");
        let own = node("Identity", "h", "o", vec![]);
        taken(import(nodes(vec![own]), all(), inputs.clone()));
    }
}

#[test]
fn a_reshape_that_may_exchange_axes_is_refused() {
    let [steps, sequences, _, units] = SIZES.map(|n| n as i64);
    // Joined, a dense layer of six outputs, and parted again.
    let parted = |shape: &[i64]| {
        let nodes = after(vec![
            node("Reshape", "s joined", "f", vec![]),
            node("Gemm", "f w", "g", vec![]),
            node("Reshape", "g shape", "o", vec![]),
        ]);
        let constants = vec![
            floats("w", &[5, 6]),
            whole("joined", &[-1, units]),
            whole("shape", shape),
        ];
        import(nodes, constants, fixed())
    };
    let view = |shape: &[i64], inputs: Vec<ValueInfo>| {
        let nodes = after(vec![node("Reshape", "s shape", "o", vec![])]);
        import(nodes, vec![whole("shape", shape)], inputs)
    };
    for shape in [
        [sequences, steps, 6],
        [steps, 2 * sequences, 3],
        [2, 22, 6],
        [-1, steps, 6],
    ] {
        refused(parted(&shape), "Reshape");
    }
    taken(parted(&[steps, sequences, 6]));
    taken(parted(&[-1, sequences, 6]));
    for shape in [
        [sequences, steps, units],
        [sequences, -1, units],
        [-1, -1, units],
    ] {
        refused(view(&shape, fixed()), "Reshape");
        refused(view(&shape, open_sizes()), "Reshape");
    }
    refused(view(&[steps, sequences, units], open_sizes()), "Reshape");
    for shape in [[0, 0, units], [0, 0, -1], [0, -1, units]] {
        taken(view(&shape, fixed()));
        taken(view(&shape, open_sizes()));
    }
    // Sizes that the graph takes from its input.
    let computed = |order: &[i64]| {
        let nodes = after(vec![
            node("Shape", "x", "sizes", vec![]),
            node("Gather", "sizes order", "two", vec![int("axis", 0)]),
            node("Concat", "two units", "shape", vec![int("axis", 0)]),
            node("Reshape", "s shape", "o", vec![]),
        ]);
        let constants = vec![whole("order", order), whole("units", &[units])];
        import(nodes, constants, open_sizes())
    };
    refused(computed(&[1, 0]), "Reshape");
    taken(computed(&[0, 1]));
}

/// A node that runs an LSTM both ways, and its weights.
fn both_ways(outputs: &str) -> (Node, Vec<Tensor>) {
    let direction = Attribute {
        name: "direction".into(),
        s: b"bidirectional".to_vec(),
        kind: 3,
        ..Attribute::default()
    };
    let node = node("LSTM", "x W_2 R_2 B_2", outputs, vec![direction]);
    let units = SIZES[3] as i64;
    let weights = [
        floats("W_2", &[2, 4 * units, SIZES[2] as i64]),
        floats("R_2", &[2, 4 * units, units]),
        floats("B_2", &[2, 8 * units]),
    ];
    (node, weights.into())
}

#[test]
fn both_halves_of_a_bidirectional_layer_become_one_axis() {
    let graph = |nodes: Vec<Node>| {
        let (lstm, mut constants) = both_ways("Y h");
        constants.push(whole("joined", &[0, 0, -1]));
        constants.push(whole("ends", &[0, -1]));
        constants.push(whole("last", &[-1]));
        let nodes = [lstm].into_iter().chain(nodes).collect();
        import(nodes, constants, fixed())
    };
    let turned = |to: &str, perm: &[i64], shape: &str, from: &str| {
        [
            node("Transpose", from, "t", vec![ints("perm", perm)]),
            node("Reshape", &format!("t {shape}"), to, vec![]),
        ]
    };
    let is_both = |source: &Source| matches!(source.layers[0].layer, Layer::Both(_));
    let every = graph(turned("o", &[0, 2, 1, 3], "joined", "Y").into()).unwrap();
    assert!(is_both(&every) && every.layers.len() == 1);
    let ends = graph(turned("o", &[1, 0, 2], "ends", "h").into()).unwrap();
    assert!(is_both(&ends) && ends.layers[1].layer == Layer::OwnLastStep);
    // As an output, halves may stay where they are.
    assert!(graph(vec![node("Identity", "Y", "o", vec![])]).is_ok());
    refused(
        graph(vec![node("Relu", "Y", "o", vec![])]),
        "axis of their own",
    );
    // Units outside of halves.
    let exchanged = turned("o", &[0, 2, 3, 1], "joined", "Y");
    refused(graph(exchanged.into()), "is not known to");
    let last = [node("Gather", "j last", "o", vec![int("axis", 0)])];
    let last = turned("j", &[0, 2, 1, 3], "joined", "Y")
        .into_iter()
        .chain(last);
    refused(graph(last.collect()), "h_n");
}

#[test]
fn a_flatten_keeps_sequences_and_channels_apart() {
    // An axis of length one before the sequences is flattened into the channels.
    let flat = |axis: i64| {
        let nodes = after(vec![node("Flatten", "h", "o", vec![int("axis", axis)])]);
        import(nodes, vec![], fixed())
    };
    refused(flat(1), "flattens");
    taken(flat(2));
}

#[test]
fn settings_that_are_not_known_are_refused() {
    let cast = |to: i64| after(vec![node("Cast", "h", "o", vec![int("to", to)])]);
    for whole_or_bool in [6, 7, 9] {
        refused(import(cast(whole_or_bool), vec![], fixed()), "Cast");
    }
    taken(import(cast(1), vec![], fixed()));
    let with = |attribute: Attribute| {
        let lstm = node("LSTM", "x W R B", "o", vec![attribute]);
        import(vec![lstm], vec![], fixed())
    };
    refused(with(int("hidden_size", 7)), "hidden_size");
    refused(with(int("unheard", 1)), "unheard");
    let strings = |names: &[&str]| Attribute {
        name: "activations".into(),
        strings: names.iter().map(|name| name.as_bytes().to_vec()).collect(),
        kind: 8,
        ..Attribute::default()
    };
    refused(with(strings(&["Sigmoid"])), "activations");
    refused(with(strings(&["Tanh", "Tanh", "Tanh"])), "activation Tanh");
    taken(with(strings(&["Sigmoid", "Tanh", "Tanh"])));
    let wide = vec![input("x", 1, &[None, None, Some(9)])];
    refused(
        import(vec![lstm("x W R B", "o")], vec![], wide),
        "9 channels",
    );
    let undeclared = ValueInfo {
        name: "x".into(),
        kind: None,
    };
    let found = import(vec![lstm("x W R B", "o")], vec![], vec![undeclared]);
    refused(found, "does not declare its shape");
    // Weights that are whole numbers, by the name of their type.
    let mut typed = whole("Wi", &[1; 60]);
    typed.dims = vec![1, 20, 3];
    refused(
        import(vec![lstm("x Wi R B", "o")], vec![typed], fixed()),
        "int64",
    );
    // Names of any length.
    let long = "n".repeat(100_000);
    let nodes = after(vec![
        node("Celu", "h", &long, vec![]),
        node("Relu", &long, "o", vec![]),
    ]);
    refused(import(nodes, vec![], fixed()), "Celu");
}
