//! Layers that prepare images, as types.

use kerata::{
    Cpu, Error,
    config::{Config, DynamicLayer},
    keras::rust_source,
    model,
    prelude::*,
};

const PATH: &str = "tests/cases/keras-3.15.1-preprocessing/images.json";

#[model(keras = "tests/cases/keras-3.15.1-preprocessing/images.json")]
struct Images;

#[test]
fn a_model_from_a_file_prepares_its_images() -> Result<(), Error> {
    let dev = Cpu::seed_from_u64(0);
    let model = Images::build(&dev)?;
    Images::from_json(&std::fs::read_to_string(PATH).unwrap())?;
    let image = [[[128.0_f32; 3]; 8]; 8];
    let y = model.predict(&vec![image], 1)?.as_vec();
    let dynamic = DynamicLayer::from_layer(&model)?;
    let again: Images = dynamic.try_into()?;
    assert_eq!(again.predict(&vec![image], 1)?.as_vec(), y);
    assert!((model.rescale.scale - 1.0 / 255.0).abs() < 1e-9);
    Ok(())
}

#[test]
fn the_source_says_the_options() {
    let source = rust_source(&Config::load(PATH).unwrap(), "Net").unwrap();
    for line in [
        "offset = -0.5)]\n    pub rescale: Rescaling,",
        "    pub norm: Normalization<_>,",
        "#[with(mode = kerata::FlipMode::Horizontal)]\n    pub flip: RandomFlip,",
        "#[with(factor = kerata::Factor::of(0.1), fill_mode = kerata::FillMode::Constant, fill_value = 0.5)]",
        "height_factor = kerata::Factor::between(-0.2, 0.1), width_factor = kerata::WidthFactor::Own(kerata::Factor::of(0.3)), interpolation = kerata::Interpolation::Nearest",
        "    pub crop: RandomCrop<6, 4>,",
    ] {
        assert!(source.contains(line), "{line} is not in\n{source}");
    }
    let text = std::fs::read_to_string(PATH).unwrap().replace("\"horizontal\"", "\"sideways\"");
    let source = rust_source(&text.parse().unwrap(), "Net").unwrap();
    assert!(source.contains("// `flip` has no type here: `mode` is \"sideways\""), "{source}");
}
