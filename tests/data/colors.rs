//! Images that are shifted, or get other colors, at random in training, against the numbers of Keras 3.15.1.

use approx::assert_abs_diff_eq;
use kerata::{
    Batch, Cpu, Error, Factor, FillMode, RandomBrightness, RandomContrast, RandomTranslation,
    ValueRange,
    config::{CustomObjects, layer_from_config},
    model,
    prelude::*,
    tensor::HasShape,
};
use serde_json::{Value, json};

use crate::{
    images::{BETWEEN, FILLS, check, images},
    preprocessing::flat,
};

fn case() -> Value {
    let case = include_str!("../cases/keras-3.15.1-preprocessing/colors.json");
    serde_json::from_str(case).unwrap()
}

fn fixed(value: f32) -> Factor {
    Factor::between(f64::from(value), f64::from(value))
}

#[test]
fn shifts_are_those_of_keras() {
    let case = case();
    let [input, down, right] = ["input", "down", "right"].map(|key| flat(&case[key]));
    for ((fill_mode, fill), (interpolation, between)) in
        FILLS.into_iter().flat_map(|fill| BETWEEN.map(|between| (fill, between)))
    {
        let key = format!("{fill} {between}");
        let shift = |(down, right): (&f32, &f32)| RandomTranslation {
            height_factor: fixed(*down),
            width_factor: fixed(*right),
            fill_mode,
            interpolation,
            fill_value: 0.5,
        };
        let shifts = down.iter().zip(&right).map(shift).collect();
        check(&input, &case["shifted"][&key], shifts, &key);
    }
}

#[test]
fn brightness_is_that_of_keras() {
    let case = case();
    let bright =
        |added: &f32| RandomBrightness { factor: fixed(*added), value_range: ValueRange::UNIT };
    let layers = flat(&case["added"]).iter().map(bright).collect();
    check(&flat(&case["input"]), &case["brightness"], layers, "brightness");
}

/// What is drawn is between the ends, different for each image, and the same in all of its pixels.
#[test]
fn contrasts_are_drawn_for_each_image() {
    let count = 200;
    let values: Vec<f32> = (0..count * 40).map(|i| if i % 4 < 2 { 0.4 } else { 0.6 }).collect();
    let mut layer =
        RandomContrast { factor: Factor::between(0.25, 0.75), value_range: ValueRange::BYTES };
    let y = layer.forward_mut(images::<f32>(&values, count)).unwrap().as_vec();
    let factors: Vec<f32> = y.chunks(40).map(|image| (image[2] - image[0]) / 0.2).collect();
    for (image, factor) in y.chunks(40).zip(&factors) {
        let expected = [0.5 - 0.1 * factor, 0.5 + 0.1 * factor];
        for (i, y) in image.iter().enumerate() {
            assert_abs_diff_eq!(*y, expected[usize::from(i % 4 >= 2)], epsilon = 1e-5);
        }
    }
    let range = factors.iter().fold([f32::INFINITY, 0.0], |[a, b], f| [f.min(a), f.max(b)]);
    assert!((0.75..0.8).contains(&range[0]) && (1.7..=1.75001).contains(&range[1]), "{range:?}");
    assert_eq!(layer.forward(images::<f32>(&values, count)).unwrap().as_vec(), values);
}

#[model(input = (Batch, 5, 4, 2), output = (Batch, 5, 4, 2))]
struct Augmented {
    #[with(height_factor = Factor::of(0.2), width_factor = Factor::between(-0.1, 0.3),
        fill_mode = FillMode::Constant, fill_value = 1.5)]
    shift: RandomTranslation,
    #[with(factor = Factor::between(0.0, 0.2), value_range = ValueRange::UNIT)]
    contrast: RandomContrast,
    #[with(factor = Factor::of(0.2), value_range = ValueRange::UNIT)]
    light: RandomBrightness,
}

#[test]
fn configs_are_those_of_keras() -> Result<(), Error> {
    let configs = &case()["configs"];
    let model = Augmented::build(&Cpu::default())?;
    assert_eq!(
        RandomTranslation::from_json(&configs["RandomTranslation"].to_string())?,
        model.shift
    );
    assert_eq!(RandomContrast::from_json(&configs["RandomContrast"].to_string())?, model.contrast);
    assert_eq!(RandomBrightness::from_json(&configs["RandomBrightness"].to_string())?, model.light);
    let again = Augmented::from_json(&model.to_json())?;
    assert_eq!(
        (again.shift, again.contrast, again.light),
        (model.shift, model.contrast, model.light)
    );
    let input = flat(&case()["input"]);
    for (class, config) in configs.as_object().unwrap() {
        let custom = CustomObjects::new();
        let mut layer = layer_from_config(&config.to_string().parse()?, &custom)?;
        assert_eq!(layer.run(images::<f32>(&input, 3))?.values(), input, "{class}");
    }
    Ok(())
}

#[test]
fn what_makes_no_change_is_an_error() -> Result<(), Error> {
    let x = || images::<f32>(&[0.0; 40], 1);
    let contrast = RandomContrast { factor: Factor::of(0.2), ..RandomContrast::default() };
    let error = contrast.forward(x()).unwrap_err().to_string();
    assert!(error.starts_with("factor is [-0.2, 0.2]: it must be within 0 to 1"), "{error}");
    let value_range = ValueRange::between(1.0, 0.0);
    let light = RandomBrightness { value_range, ..RandomBrightness::default() };
    let error = light.forward(x()).unwrap_err().to_string();
    assert_eq!(error, "value_range is [1, 0]: the lower end comes first");
    let shift = RandomTranslation { width_factor: Factor::of(2.0), ..RandomTranslation::default() };
    let error = shift.forward(x()).unwrap_err().to_string();
    assert_eq!(error, "width_factor is [-2, 2]: it must be within -1 to 1");
    let mut wrong = case()["configs"]["RandomContrast"].clone();
    wrong["config"]["value_range"] = json!([0.0]);
    let error = RandomContrast::from_json(&wrong.to_string()).unwrap_err().to_string();
    assert!(error.contains("a list of two numbers is needed"), "{error}");
    let none = images::<f32>(&[], 0);
    let y = RandomContrast::default().forward_mut(none.clone())?;
    assert_eq!(y.shape().0, 0);
    let y = RandomBrightness::default().forward_mut(none)?;
    assert_eq!(y.shape().0, 0);
    Ok(())
}
