//! Images that are changed at random in training, against the numbers of Keras 3.15.1 where an angle or a zoom is given.

use approx::assert_abs_diff_eq;
use kerata::{
    Backend, Batch, Const, Conv2d, Cpu, Dense, Element, Error, Factor, FillMode, Flatten, FlipMode,
    Interpolation, Layer, RandomCrop, RandomFlip, RandomRotation, RandomZoom, Tensor, WidthFactor,
    data::InMemory,
    loss::MeanSquaredError,
    model,
    optim::Sgd,
    prelude::*,
    tensor::SumTo,
    train::{Fit, Trainer},
};
use serde_json::Value;

use crate::preprocessing::{case, flat};

type Images<E> = Tensor<(Batch, Const<5>, Const<4>, Const<2>), E, Cpu>;

pub(crate) fn images<E: Element>(values: &[f32], count: usize) -> Images<E>
where
    Cpu: Backend<E>,
{
    let values: Vec<E> = values.iter().map(|&v| E::of(f64::from(v))).collect();
    Cpu::default().tensor_from_vec(values, (count, Const, Const, Const))
}

pub(crate) const FILLS: [(FillMode, &str); 4] = [
    (FillMode::Reflect, "reflect"),
    (FillMode::Wrap, "wrap"),
    (FillMode::Constant, "constant"),
    (FillMode::Nearest, "nearest"),
];
pub(crate) const BETWEEN: [(Interpolation, &str); 2] =
    [(Interpolation::Bilinear, "bilinear"), (Interpolation::Nearest, "nearest")];

/// What leaves a layer, and the gradient of the sum of the squares of that.
fn passed<L, E: Element>(layer: &mut L, x: Images<E>) -> (Vec<f32>, Vec<f32>)
where
    Cpu: Backend<E>,
    L: Layer<
            (Batch, Const<5>, Const<4>, Const<2>),
            E,
            Cpu,
            Out = (Batch, Const<5>, Const<4>, Const<2>),
        >,
{
    let y = layer.call_mut(x.leaky_trace()).unwrap();
    let values = y.as_vec();
    let gradients = y.square().sum::<(), _>().backward();
    let gradient = gradients.get(&x).as_vec();
    let narrow = |values: Vec<E>| values.into_iter().map(|v| v.as_f64() as f32).collect();
    (narrow(values), narrow(gradient))
}

/// Keras's answer, from each image by itself; and the kernel in `f32` against the reference in `f64`.
pub(crate) fn check<L>(input: &[f32], expected: &Value, layers: Vec<L>, what: &str)
where
    L: Clone
        + Layer<
            (Batch, Const<5>, Const<4>, Const<2>),
            f32,
            Cpu,
            Out = (Batch, Const<5>, Const<4>, Const<2>),
        > + Layer<
            (Batch, Const<5>, Const<4>, Const<2>),
            f64,
            Cpu,
            Out = (Batch, Const<5>, Const<4>, Const<2>),
        >,
{
    for (i, layer) in layers.into_iter().enumerate() {
        let (image, expected) = (&input[i * 40..][..40], flat(&expected[i]));
        let (y, gradient) = passed::<_, f32>(&mut layer.clone(), images(image, 1));
        let (wide, of_wide) = passed::<_, f64>(&mut layer.clone(), images(image, 1));
        assert_abs_diff_eq!(y.as_slice(), expected.as_slice(), epsilon = 2e-5);
        assert_abs_diff_eq!(y.as_slice(), wide.as_slice(), epsilon = 1e-5);
        assert_abs_diff_eq!(gradient.as_slice(), of_wide.as_slice(), epsilon = 1e-4);
        assert!(gradient.iter().any(|d| *d != 0.0), "{what}");
    }
}

#[test]
fn rotations_and_zooms_are_those_of_keras() {
    let case = case("images");
    let input = flat(&case["input"]);
    let [angles, heights, widths] = ["angles", "height", "width"].map(|key| flat(&case[key]));
    for ((fill_mode, fill), (interpolation, between)) in
        FILLS.into_iter().flat_map(|fill| BETWEEN.map(|between| (fill, between)))
    {
        let key = format!("{fill} {between}");
        let fixed = |value: f32| Factor::between(f64::from(value), f64::from(value));
        let rotation = |angle: &f32| RandomRotation {
            factor: fixed(angle / 360.0),
            fill_mode,
            fill_value: 0.5,
            interpolation,
        };
        check(&input, &case["rotated"][&key], angles.iter().map(rotation).collect(), &key);
        let zoom = |(height, width): (&f32, &f32)| RandomZoom {
            height_factor: fixed(height - 1.0),
            width_factor: WidthFactor::Own(fixed(width - 1.0)),
            fill_mode,
            interpolation,
            fill_value: 0.5,
        };
        let zooms = heights.iter().zip(&widths).map(zoom).collect();
        check(&input, &case["zoomed"][&key], zooms, &key);
    }
}

#[model(input = (Batch, 5, 4, 2), output = (Batch, 3, 2, 2))]
struct Augmented {
    #[with(mode = FlipMode::Horizontal)]
    flip: RandomFlip,
    #[with(factor = Factor::between(-0.1, 0.2))]
    turn: RandomRotation,
    #[with(height_factor = Factor::of(0.2), width_factor = WidthFactor::Own(Factor::between(-0.1, 0.3)),
        fill_mode = FillMode::Constant, fill_value = 1.5)]
    zoom: RandomZoom,
    crop: RandomCrop<3, 2>,
}

#[test]
fn configs_are_those_of_keras() {
    let configs = &case("images")["configs"];
    let model = Augmented::build(&Cpu::default()).unwrap();
    let plain = |mut config: Value| {
        let config = config["config"].as_object_mut().unwrap();
        for key in ["name", "seed", "height_factor"] {
            // The number 0.2 is the list [-0.2, 0.2].
            config.remove(key);
        }
        Value::Object(config.clone())
    };
    for ours in [model.flip.config(), model.turn.config(), model.zoom.config(), model.crop.config()]
    {
        let theirs = configs[&ours.class_name].clone();
        assert_eq!(
            plain(serde_json::to_value(&ours).unwrap()),
            plain(theirs),
            "{}",
            ours.class_name
        );
    }
    let theirs = configs["RandomZoom"].to_string();
    assert_eq!(RandomZoom::from_json(&theirs).unwrap(), model.zoom);
    assert_eq!(
        RandomRotation::from_json(&configs["RandomRotation"].to_string()).unwrap(),
        model.turn
    );
    assert!(RandomCrop::<3, 3>::from_json(&configs["RandomCrop"].to_string()).is_err());
    let wrong = theirs.replace("constant", "between");
    let error = RandomZoom::from_json(&wrong).unwrap_err().to_string();
    assert!(error.contains("`reflect`, `wrap`, `constant` or `nearest` is needed"), "{error}");
}

#[test]
fn images_change_in_training_only_and_by_the_seed() {
    let input = flat(&case("images")["input"]);
    let mut model = Augmented::build(&Cpu::seed_from_u64(4)).unwrap();
    // One device, whose generator goes on.
    let x = images::<f32>(&input, 3);
    let still = model.forward(x.clone()).unwrap().as_vec();
    assert_eq!(model.forward(x.clone()).unwrap().as_vec(), still);
    let first = model.forward_mut(x.clone()).unwrap().as_vec();
    assert_ne!(first, still);
    assert_ne!(model.forward_mut(x).unwrap().as_vec(), first);

    #[model(input = (Batch, 5, 4, 2), output = (Batch, 1))]
    struct Net {
        flip: RandomFlip,
        #[with(factor = Factor::of(0.1))]
        turn: RandomRotation,
        crop: RandomCrop<4, 3>,
        conv: Conv2d<_, 2, 2>,
        flat: Flatten<_>,
        head: Dense<_, 1>,
    }
    let rows: Vec<[[[f32; 2]; 4]; 5]> =
        input.as_chunks::<2>().0.as_chunks::<4>().0.as_chunks::<5>().0.to_vec();
    let data = InMemory::new(rows, vec![[1.0_f32], [0.0], [2.0]]).unwrap();
    let fitted = || {
        let net = Net::build(&Cpu::seed_from_u64(7)).unwrap();
        let mut trainer = Trainer::new(net, MeanSquaredError, Sgd::new(0.01)).unwrap();
        trainer.fit(&data, &Fit { progress: false, ..Fit::epochs(4) }).unwrap()
    };
    assert_eq!(fitted(), fitted());
}

#[test]
fn images_of_nothing_and_of_the_infinite() {
    let of = |batch: usize,
              rows: usize,
              columns: usize|
     -> Tensor<(Batch, Batch, Batch, Const<1>), f32, Cpu> {
        Cpu::default()
            .tensor_from_vec(vec![1.0; batch * rows * columns], (batch, rows, columns, Const))
    };
    for (rows, columns) in [(0, 3), (3, 0), (0, 0)] {
        let empty = Error::Empty("an image to be cropped");
        assert_eq!(RandomCrop::<2, 2>.forward(of(1, rows, columns)).err(), Some(empty.clone()));
        assert_eq!(RandomCrop::<2, 2>.forward_mut(of(1, rows, columns)).err(), Some(empty));
        RandomCrop::<2, 2>.forward_mut(of(0, rows, columns)).unwrap();
        let turn = RandomRotation { factor: Factor::of(0.5), ..RandomRotation::default() };
        { turn }.forward_mut(of(1, rows, columns)).unwrap();
    }
    // The neighbour of a pixel does not count where the pixel is met exactly.
    let x = Cpu::default().tensor([[[[1.0], [f32::INFINITY]], [[f32::NAN], [4.0]]]]);
    let expected = x.as_vec();
    let mut still = RandomZoom::default();
    for y in [still.forward_mut(x.clone()).unwrap(), RandomCrop::<2, 2>.forward(x).unwrap()] {
        let bits = |values: &[f32]| values.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&y.as_vec()), bits(&expected));
    }
}

#[test]
fn each_image_is_flipped_by_its_own_chance() {
    let count = 400;
    let one: Vec<f32> = (0..40).map(|i| i as f32).collect();
    let x = || images::<f32>(&one.repeat(count), count);
    // The first value of an image says how it was turned.
    let turned = |mode: FlipMode| {
        let mut flip = RandomFlip { mode };
        let dev = Cpu::seed_from_u64(1);
        let x = dev.tensor_from_vec(x().as_vec(), (count, Const::<5>, Const::<4>, Const::<2>));
        let y = flip.forward_mut(x).unwrap().as_vec();
        let starts = y.chunks(40).map(|image| image[0]).collect::<Vec<_>>();
        [0.0, 6.0, 32.0, 38.0].map(|start| starts.iter().filter(|s| **s == start).count())
    };
    let about = |found: usize, share: f64| {
        let expected = count as f64 * share;
        assert!((found as f64 - expected).abs() < 5.0 * (expected * (1.0 - share)).sqrt() + 1e-9);
    };
    for (mode, shares) in [
        (FlipMode::Horizontal, [0.5, 0.5, 0.0, 0.0]),
        (FlipMode::Vertical, [0.5, 0.0, 0.5, 0.0]),
        (FlipMode::HorizontalAndVertical, [0.25; 4]),
    ] {
        let found = turned(mode);
        assert_eq!(found.iter().sum::<usize>(), count);
        found.into_iter().zip(shares).for_each(|(found, share)| about(found, share));
    }
}

#[test]
fn a_crop_is_a_window_of_the_images() {
    let dev = Cpu::seed_from_u64(2);
    let values: Vec<f32> = (0..20).map(|i| i as f32).collect();
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..100 {
        let x: Tensor<(Batch, Const<5>, Const<4>, Const<1>), f32, Cpu> =
            dev.tensor_from_vec(values.clone(), (1, Const, Const, Const));
        let y = RandomCrop::<3, 2>.forward_mut(x).unwrap().as_vec();
        let (row, column) = (y[0] as usize / 4, y[0] as usize % 4);
        let window = (0..6).map(|i| ((row + i / 2) * 4 + column + i % 2) as f32);
        assert_eq!(y, window.collect::<Vec<_>>());
        seen.insert((row, column));
    }
    assert_eq!(seen.len(), 3 * 3);
    // Small images are made larger, and those of the size stay.
    let x: Tensor<(Batch, Const<2>, Const<2>, Const<1>), f32, Cpu> =
        dev.tensor_from_vec(vec![0.0, 1.0, 2.0, 3.0], (1, Const, Const, Const));
    assert_eq!(RandomCrop::<2, 2>.forward_mut(x.clone()).unwrap().as_vec(), x.as_vec());
    let y = RandomCrop::<4, 4>.forward(x).unwrap().as_vec();
    assert_eq!(y[..4], [0.0, 0.25, 0.75, 1.0]);
}

/// Images that are not larger than the window, in training: Keras 3.15.1 with images of `sin(0.9 * (columns * i + j))`.
#[test]
fn a_crop_of_a_small_image_is_that_of_keras() {
    fn check<const H: usize, const W: usize>(rows: usize, columns: usize, expected: &[f32]) {
        let image: Vec<f32> = (0..rows * columns).map(|i| (0.9 * i as f32).sin()).collect();
        let x: Tensor<(Batch, usize, usize, Const<1>), f32, Cpu> =
            Cpu::seed_from_u64(0).tensor_from_vec(image, (1, rows, columns, Const));
        let y = RandomCrop::<H, W>.forward_mut(x).unwrap().as_vec();
        assert_eq!(y.len(), H * W);
        for (found, expected) in y.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-5, "{rows}x{columns}: {found} for {expected}");
        }
    }

    let tall = [
        0.973_847_6,
        0.427_379_88,
        -0.442_520_44,
        -0.977_530_1,
        0.970_879_26,
        0.415_933_85,
        -0.453_782_02,
        -0.980_084_7,
        0.967_421_1,
        0.403_148_05,
        -0.466_219_43,
        -0.982_761_3,
    ];
    check::<6, 4>(5, 7, &tall);
    let wide =
        [0.412_118_5, -0.240_122_29, -0.762_852_7, -0.889_705_96, -0.563_081_9, 0.033_623_047];
    check::<4, 6>(7, 5, &wide);
    let small = [0.0, 0.489_579_32, 0.854_772_2, 0.973_847_6, 0.106_844_97, 0.338_107_53];
    check::<4, 4>(2, 3, &small);
    check::<4, 4>(4, 8, &[0.973_847_6, 0.427_379_88, -0.442_520_44, -0.977_530_1, 0.412_118_5]);
    check::<4, 3>(9, 3, &[-0.772_764_5, 0.016_813_9, 0.793_667_85, 0.969_889_8]);
    check::<4, 3>(9, 2, &[-0.772_764_5, -0.377_975_3, 0.016_813_9, 0.793_667_85]);
}

#[test]
fn what_makes_no_change_is_an_error() {
    let x = || images::<f32>(&[0.0; 40], 1);
    let mut turn = RandomRotation::default();
    assert_eq!(turn.forward_mut(x()).unwrap().as_vec(), [0.0; 40]);
    turn.factor = Factor::of(1.5);
    let error = turn.forward_mut(x()).unwrap_err().to_string();
    assert_eq!(error, "factor is [-1.5, 1.5]: it must be within -1 to 1");
    let width_factor = WidthFactor::Own(Factor::between(-1.0, f64::NAN));
    let zoom = RandomZoom { width_factor, ..RandomZoom::default() };
    let error = zoom.forward(x()).unwrap_err().to_string();
    assert!(error.starts_with("width_factor is"), "{error}");
    let none = images::<f32>(&[], 0);
    for mode in [FlipMode::Vertical, FlipMode::Horizontal] {
        let y = RandomFlip { mode }.forward_mut(none.clone()).unwrap();
        assert_eq!(kerata::tensor::HasShape::shape(&y).0, 0);
    }
}

/// A layer without a type, from the config that Keras writes.
#[test]
fn layers_from_a_config_do_the_same() {
    use kerata::config::{CustomObjects, layer_from_config};
    let input = flat(&case("images")["input"]);
    let configs = &case("images")["configs"];
    for class in ["RandomFlip", "RandomRotation", "RandomZoom", "RandomCrop"] {
        let config = configs[class].to_string().parse().unwrap();
        let mut layer = layer_from_config(&config, &CustomObjects::new()).unwrap();
        let y = layer.run(images::<f32>(&input, 3)).unwrap();
        if class == "RandomCrop" {
            assert_eq!(y.sizes(), [3, 3, 2, 2]);
            let x = images::<f32>(&input, 3);
            assert_eq!(y.values(), RandomCrop::<3, 2>.forward(x).unwrap().as_vec());
        } else {
            assert_eq!(y.values(), input, "{class}");
        }
        let vectors = Cpu::default().tensor([[1.0_f32, 2.0]]);
        let mut other = layer_from_config(&config, &CustomObjects::new()).unwrap();
        let error = other.run(vectors).unwrap_err().to_string();
        assert!(error.contains("images are needed here"), "{error}");
    }
}

/// What is cut out is stretched by itself: nothing beside the window is seen. Numbers of Keras 3.15.1.
#[test]
fn a_window_that_is_stretched_has_edges_of_its_own() {
    let x = Cpu::default().tensor([[[[0.0_f32], [10.0], [20.0], [30.0], [40.0]]]]);
    let rows = RandomCrop::<3, 5>.forward_mut(x.clone()).unwrap().as_vec();
    assert_eq!(rows, [20.0, 24.0, 30.0, 36.0, 40.0].repeat(3));
    assert_eq!(RandomCrop::<2, 2>.forward(x).unwrap().as_vec(), [20.0; 4]);
}
